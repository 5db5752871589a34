/** Exit statuses of every command; also in `--help` and in docs/cli.md. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  rights: 3,
  host: 4,
  input: 5,
  producer: 6,
  collector: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One line each, for people. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done; for run: stopped as asked',
  internal: 'an error of this program itself; please report it',
  usage: 'wrong command line or wrong configuration; every mistake is named',
  rights: 'a right is missing, usually because it was not started as root; or a recording cannot be written',
  host: 'this host cannot be traced as it is; doctor tells why and what to do',
  input: 'the recording or stream cannot be read, or has a newer format',
  producer: 'the tracer or the agent ended and could not be started again; for health: none, or not ready',
  collector: 'not all spans reached the collector',
};
