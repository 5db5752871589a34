/**
 * Boots the kernels of Debian's suites under emulation, lets both producers watch real clients on that suite's sshd in
 * each mode, compares what the spans tell with what the clients did, and says which hooks were chosen and what was missing.
 * Needs root, qemu-system-x86_64, busybox-static, cpio, and the built producer.
 *
 * node test/kernels/verify-kernels.ts [SUITE...]   (default bullseye bookworm trixie sid experimental); MODES=exact,bpftrace,loaded,lockdown
 */
import { checkRun, countsOf, type Run } from './check-run.ts';
import { boot, type Guest, prepareGuest } from './guest.ts';
import { SCENARIOS } from './story.ts';

/** `nobody`: a user of no other right than CAP_BPF and CAP_PERFMON. */
const LIBBPF_MODES = ['auto', 'exact', 'nobody', 'nobody-exact', 'fentry', 'sys_enter'];
/** Three times what a mode takes where the emulator has a core to itself; a guest that hangs is ended then. */
const SECONDS_OF_MODE = 240;
/** Clients beside a loop of fork and exec, so often. */
const LOADED_TIMES = 6;
const LOADED_STORY = ['keys', 'command'];
/** Debian 11's bpftrace is older than the script can be run with. */
const WITHOUT_BPFTRACE: Readonly<Record<string, string>> = {
  bullseye: 'bpftrace 0.11 of this suite is older than 0.17, the oldest that runs the script',
};

const ALL = [...LIBBPF_MODES, 'bpftrace', 'loaded', 'lockdown'];
const wanted = (process.env['MODES'] ?? ALL.join(',')).split(',');
const suites =
  process.argv.length > 2 ? process.argv.slice(2) : ['bullseye', 'bookworm', 'trixie', 'sid', 'experimental'];

function say(kernel: string, mode: string, hooks: string, verdict: string): void {
  process.stdout.write(`${kernel.padEnd(26)} ${mode.padEnd(12)} ${hooks.padEnd(52)} ${verdict}\n`);
}

/** On standard error, for whoever waits: a boot takes minutes. */
function progress(name: string, what: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${name}: ${what}\n`);
}

/** Prints what came of a run; false: facts are missing without an announcement, or wrong. */
function judge(guest: Guest, mode: string, run: Run | undefined): boolean {
  if (run === undefined || run.lines.length === 0) {
    say(guest.name, mode, '-', `FAILED: ${run?.said.slice(0, 3).join('; ') || 'the guest did not get that far'}`);
    return false;
  }
  const { hooks, expected, missing, wrong, skipped } = checkRun(run);
  const kept = `${expected - missing.length} of ${expected} facts`;
  const announced = missing.length > 0 && skipped > 0;
  const good = wrong.length === 0 && (missing.length === 0 || announced);
  const words = [
    good ? kept : `FAILED: ${kept}`,
    ...(skipped > 0 ? [`${skipped} skipped runs announced`] : []),
    ...(missing.length > 0 ? [`missing: ${missing.join('; ')}`] : []),
    ...(wrong.length > 0 ? [`wrong: ${wrong.join('; ')}`] : []),
    ...(mode === 'bpftrace' ? [`attached after ${run.ready} s`] : []),
  ];
  say(guest.name, mode, hooks, words.join(', '));
  return good;
}

/** Beside a busy loop on one CPU: no fact wrong, and no more records gone than were announced. */
function judgeLoaded(guest: Guest, quiet: Run | undefined, loaded: Run | undefined): boolean {
  const facts = judge(guest, 'loaded', loaded);
  if (quiet === undefined || loaded === undefined) return false;
  const got = countsOf(loaded);
  const skipped = checkRun(loaded).skipped;
  let gone = 0;
  const kinds = [...countsOf(quiet)].map(([kind, n]) => {
    const [have, due] = [got.get(kind) ?? 0, n * LOADED_TIMES];
    gone += Math.max(0, due - have);
    return `${kind} ${have} of ${due}`;
  });
  const good = gone <= skipped;
  say(guest.name, 'loaded', '', `${good ? '' : 'FAILED: '}${kinds.join(', ')}: ${gone} gone, ${skipped} announced`);
  return facts && good;
}

/** Where programs may not read the kernel's memory: the one line that says so, and the exit status of it. */
function judgeLockdown(guest: Guest, run: Run | undefined): boolean {
  const said = run?.said ?? [];
  const good = run?.status === 5 && said.length === 1 && /locked down \(confidentiality\)/.test(said[0] ?? '');
  say(guest.name, 'lockdown', '-', `${good ? 'refused' : 'FAILED'}: status ${run?.status}, ${said.join('; ')}`);
  return good;
}

async function verify(suite: string): Promise<boolean> {
  progress(suite, "getting the kernel and its suite's programs");
  const guest = prepareGuest(suite);
  const tell = (what: string) => progress(guest.name, what);
  let good = true;
  const story = Object.keys(SCENARIOS);
  const modes = LIBBPF_MODES.filter((mode) => wanted.includes(mode));
  if (modes.length > 0) {
    tell(`booting for ${modes.join(', ')}`);
    const runs = await boot(guest, {
      progress: tell,
      root: guest.root,
      modes,
      story,
      megabytes: 1024,
      seconds: 180 + SECONDS_OF_MODE * modes.length,
    });
    for (const mode of modes)
      good =
        judge(
          guest,
          mode,
          runs.find((run) => run.mode === mode),
        ) && good;
  }
  if (wanted.includes('lockdown')) {
    tell('booting for lockdown');
    const shape = { root: guest.root, modes: ['lockdown'], story: [], megabytes: 1024, seconds: 300 };
    good =
      judgeLockdown(guest, (await boot(guest, { progress: tell, ...shape, more: 'lockdown=confidentiality' }))[0]) &&
      good;
  }
  if (wanted.includes('loaded')) {
    tell('booting for loaded');
    const more = `load=${LOADED_TIMES}`;
    const shape = { root: guest.root, story: LOADED_STORY, megabytes: 1024, seconds: 900, more };
    const runs = await boot(guest, { progress: tell, ...shape, modes: ['auto', 'loaded'] });
    good =
      judgeLoaded(
        guest,
        runs.find((run) => run.mode === 'auto'),
        runs.find((run) => run.mode === 'loaded'),
      ) && good;
  }
  if (wanted.includes('bpftrace')) {
    const without = WITHOUT_BPFTRACE[suite];
    if (without !== undefined) say(guest.name, 'bpftrace', '-', `not run: ${without}`);
    else {
      tell('booting for bpftrace');
      const shape = { root: guest.bpftraceRoot, modes: ['bpftrace'], story, more: 'patience=400' };
      good =
        judge(
          guest,
          'bpftrace',
          (await boot(guest, { progress: tell, ...shape, megabytes: 4096, seconds: 1200 }))[0],
        ) && good;
    }
  }
  return good;
}

let good = true;
for (const suite of suites) good = (await verify(suite)) && good;
process.exitCode = good ? 0 : 1;
