/** Signal numbers as Linux has them on x86 and arm (include/uapi/asm-generic/signal.h); mips, sparc and parisc differ. */
const NAMES: readonly string[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];

/** First real-time signal as glibc and the shells count: 32 and 33 are its own. */
const REALTIME_MIN = 34;

/** `SIGKILL` for 9; real-time signals by their distance from the first, as `kill -l` has them; others by number. */
export function signalName(signal: number): string {
  const name = NAMES[signal - 1];
  if (name !== undefined) return name;
  if (signal >= REALTIME_MIN && signal <= 64) return `SIGRTMIN+${signal - REALTIME_MIN}`;
  return `SIG${signal}`;
}
