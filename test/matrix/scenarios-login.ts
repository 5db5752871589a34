/** Scenarios of logging in: methods, failures, users. */
import type { Cast } from './cast.ts';
import type { Scenario } from './scenario.ts';

export const WRONG = ['wrong-apple', 'wrong-banana', 'wrong-cherry'] as const;

/** Password of the lab's alice. */
export const passwordOf = (cast: Cast, user: 'alice' | 'bob' | 'dave' = 'alice'): string =>
  cast.lab.users[user].password ?? '';

export const LOGIN_SCENARIOS: readonly Scenario[] = [
  {
    name: 'key_exec',
    story: 'alice logs in by key; a command that exits with 3',
    play: async (cast) => {
      await cast.ssh({ command: 'echo hi; /bin/sleep 0.2; exit 3' });
    },
  },
  {
    name: 'multi_key',
    story: 'alice offers three keys, the third one opens',
    play: async (cast) => {
      const { oldLaptop, workstation, good } = cast.lab.keys;
      await cast.ssh({ keys: [oldLaptop, workstation, good], command: 'true' });
    },
  },
  {
    name: 'pw_exec',
    story: 'alice logs in by password',
    play: async (cast) => {
      await cast.ssh({ passwords: [passwordOf(cast)], command: 'id -un; exit 8' });
    },
  },
  {
    name: 'pw_bad3',
    story: 'alice mistypes her password three times and gives up',
    play: async (cast) => {
      await cast.ssh({ passwords: WRONG, command: 'true' });
    },
  },
  {
    name: 'kbdint',
    story: 'alice logs in by keyboard-interactive, at the second try',
    lab: { config: { ChallengeResponseAuthentication: 'yes' } },
    play: async (cast) => {
      await cast.ssh({ passwords: [WRONG[0], passwordOf(cast)], methods: 'keyboard-interactive', command: 'exit 4' });
    },
  },
  {
    name: 'kbdint_bad',
    story: 'alice fails three times at keyboard-interactive',
    lab: { config: { ChallengeResponseAuthentication: 'yes' } },
    play: async (cast) => {
      await cast.ssh({ passwords: WRONG, methods: 'keyboard-interactive', command: 'true' });
    },
  },
  {
    name: 'inv_user',
    story: 'somebody tries a key and three passwords for a user whom the host does not know',
    play: async (cast) => {
      await cast.ssh({ user: 'mallory', keys: [cast.lab.keys.good], passwords: WRONG, command: 'true' });
    },
  },
  {
    name: 'inv_user_keyonly',
    story: 'somebody offers a key for a user whom the host does not know',
    play: async (cast) => {
      await cast.ssh({ user: 'mallory', command: 'true' });
    },
  },
  {
    name: 'key_rej_pw',
    story: 'alice offers a key that does not open, then types her password',
    play: async (cast) => {
      await cast.ssh({ keys: [cast.lab.keys.oldLaptop], passwords: [passwordOf(cast)], command: 'true' });
    },
  },
  {
    name: 'root_exec',
    story: 'root logs in by key',
    play: async (cast) => {
      await cast.ssh({ user: 'root', command: 'id -u; exit 7' });
    },
  },
  {
    name: 'root_pty',
    story: 'root logs in by key and works in a terminal',
    play: async (cast) => {
      await cast.ssh({ user: 'root', pty: true, command: 'tty; (exit 5); exit 6' });
    },
  },
];
