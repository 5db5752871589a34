/** Why a producer could not start, found in what it said on stderr. */
export interface ProducerFault {
  /** Who must act: `rights` (start it otherwise), `host` (mend the host), `producer` (another program or version). */
  readonly kind: 'rights' | 'host' | 'producer';
  /** One clause for people. */
  readonly sentence: string;
  /** Command that mends it, if one does. */
  readonly remedy?: string | undefined;
}

interface Sign {
  /** All of these occur in one line, in any order. Plain text: nothing here can be slow on a hostile line. */
  readonly words: readonly string[];
  readonly fault: ProducerFault;
}

const NOT_ROOT: ProducerFault = { kind: 'rights', sentence: 'bpftrace must be started as root' };
const NO_CAPABILITY: ProducerFault = {
  kind: 'rights',
  sentence: 'root is not enough here: CAP_SYS_ADMIN, or CAP_BPF and CAP_PERFMON with a newer bpftrace, is missing',
};
const NO_TRACEFS: ProducerFault = {
  kind: 'host',
  sentence: 'tracefs is not mounted',
  remedy: 'mount -t tracefs tracefs /sys/kernel/tracing',
};
const NO_BTF: ProducerFault = {
  kind: 'host',
  sentence: 'this kernel has no type information (/sys/kernel/btf/vmlinux): it needs CONFIG_DEBUG_INFO_BTF',
};
const LOCKED_DOWN: ProducerFault = { kind: 'host', sentence: 'the kernel is locked down and refuses BPF programs' };
const NO_PROGRAM: ProducerFault = {
  kind: 'producer',
  sentence: 'bpftrace is not installed',
  remedy: 'apt-get install bpftrace',
};
const TOO_OLD: ProducerFault = {
  kind: 'producer',
  sentence: 'this bpftrace does not understand the script: it needs version 0.17 or later',
};
const NO_SCRIPT: ProducerFault = { kind: 'producer', sentence: 'the script sshd-otel.bt is not where it should be' };
const REFUSED: ProducerFault = { kind: 'host', sentence: 'the kernel refused the BPF programs' };

/** First match wins: the more telling ones stand first. Texts of 0.17, 0.23 and 0.27, each seen. */
const SIGNS: readonly Sign[] = [
  { words: ['only supports running as the root user'], fault: NOT_ROOT },
  { words: ['Missing CAP_DAC_READ_SEARCH capability'], fault: NOT_ROOT },
  { words: ['Missing CAP_'], fault: NO_CAPABILITY },
  { words: ['lockdown'], fault: LOCKED_DOWN },
  { words: ['Lockdown'], fault: LOCKED_DOWN },
  { words: ['BTF is required'], fault: NO_BTF },
  { words: ["'linux/types.h' file not found"], fault: NO_BTF },
  // 0.17 without CAP_SYS_ADMIN may not read the kernel's types, and 0.23 finds no helper function.
  { words: ["unknown type name 'pid_t'"], fault: NO_CAPABILITY },
  { words: ['is not available for your kernel version'], fault: NO_CAPABILITY },
  { words: ['tracepoint not found'], fault: NO_TRACEFS },
  { words: ['/tracing/available_events', 'No such file'], fault: NO_TRACEFS },
  { words: ['failed to open file', 'sshd-otel.bt'], fault: NO_SCRIPT },
  { words: ['could not be started', 'not found'], fault: NO_PROGRAM },
  { words: ['syntax error'], fault: TOO_OLD },
  { words: ['Unknown function'], fault: TOO_OLD },
  { words: ['Unknown identifier'], fault: TOO_OLD },
  { words: ['Error loading'], fault: REFUSED },
  { words: ['Failed to load program'], fault: REFUSED },
  { words: ['Could not load'], fault: REFUSED },
];

/** A line that says ERROR and means nothing. */
const HARMLESS = 'set RLIMIT_MEMLOCK';

/** Whether a line of bpftrace's stderr is nothing that a person should see. */
export function isHarmless(line: string): boolean {
  return line.includes(HARMLESS);
}

/**
 * What is wrong, by what bpftrace said on stderr; undefined if that tells nothing known.
 * Takes time in proportion to the text.
 */
export function explainBpftrace(stderr: string): ProducerFault | undefined {
  const lines = stderr.split('\n').filter((line) => !isHarmless(line));
  for (const { words, fault } of SIGNS) {
    if (lines.some((line) => words.every((word) => line.includes(word)))) return fault;
  }
  return undefined;
}
