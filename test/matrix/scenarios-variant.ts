/** The same logins under other configurations of the server, and other ways to start it. */
import { existsSync } from 'node:fs';
import { byInetd, bySocket } from './launchers.ts';
import type { Scenario, ScenarioLab } from './scenario.ts';
import type { Server } from './servers.ts';

/** Named list of scenarios that each variant runs. */
const VARIED = ['key_exec', 'multi_key', 'pw_exec', 'pw_bad3', 'root_exec', 'pty_shell', 'mux', 'client_kill'];

interface Variant {
  readonly suffix: string;
  readonly story: string;
  readonly lab: ScenarioLab;
  readonly more?: Partial<Scenario> | undefined;
  /** It is played once more as it is without the variant, and witnesses must say the same. */
  readonly twin?: boolean | undefined;
}

/** Debian's sshd takes a socket since systemd support came with its own patches, not upstream. */
function takesNoSocket({ id }: Server): string | undefined {
  if (Number(id) < 9) return 'its sshd takes no listening socket';
  return existsSync('/usr/bin/systemd-socket-activate') ? undefined : 'no systemd-socket-activate here';
}

const VARIANTS: readonly Variant[] = [
  { suffix: 'nopam', story: 'without PAM', lab: { config: { UsePAM: 'no' } } },
  { suffix: 'info', story: 'with LogLevel INFO', lab: { config: { LogLevel: 'INFO' } }, twin: true },
  {
    suffix: 'unstraced',
    story: 'without strace: its times',
    lab: {},
    more: { unstraced: true, unrecorded: true, alone: true },
  },
  { suffix: 'inetd', story: 'by sshd -i, started by an inetd', lab: { launch: byInetd }, more: { wholeHost: true } },
  {
    suffix: 'socket',
    story: 'by an sshd that was given its listening socket (systemd socket activation)',
    lab: { launch: bySocket },
    more: { wholeHost: true, notOn: takesNoSocket },
  },
];

export function variantsOf(scenarios: readonly Scenario[]): Scenario[] {
  return VARIANTS.flatMap(({ suffix, story, lab, more, twin }) =>
    scenarios
      .filter((scenario) => VARIED.includes(scenario.name))
      .map((scenario) => ({
        ...scenario,
        ...more,
        ...(twin === true ? { twin: scenario } : {}),
        name: `${scenario.name}_${suffix}`,
        story: `${scenario.story}; ${story}`,
        lab: { ...scenario.lab, ...lab, config: { ...scenario.lab?.config, ...lab.config } },
      })),
  );
}
