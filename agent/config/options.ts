/** Every option of every command, once. A command picks what it understands; parser and help read the same table. */
import type { OptionSpec } from './option.ts';

const MAX_PID = 4_194_304;
const MAX_ID = 4_294_967_294;

export const PRODUCER_CHOICES = ['auto', 'libbpf', 'bpftrace'] as const;
export const REDACTION_CHOICES = ['redacted', 'names-only', 'full'] as const;
export const TEE_CHOICES = ['raw', 'redacted'] as const;

export const OPTIONS = {
  config: {
    name: 'config',
    kind: 'text',
    value: 'FILE',
    help: 'read settings from this file; default /etc/sshd-otel/sshd-otel.yaml if there is one; what is given here or by OTEL_* variables wins',
  },
  printConfig: {
    name: 'print-config',
    kind: 'flag',
    help: 'show what is in force and where each value comes from, secrets masked, and end',
  },
  headersFile: {
    name: 'headers-file',
    kind: 'text',
    value: 'FILE',
    help: 'file with headers for the collector, one Name: value a line',
  },
  producer: {
    name: 'producer',
    kind: 'choice',
    choices: PRODUCER_CHOICES,
    value: 'NAME',
    fallback: 'auto',
    help: 'what traces the kernel: libbpf (complete, cheapest), bpftrace (needs nothing compiled), or auto: libbpf where it loads, else bpftrace',
  },
  listener: {
    name: 'listener',
    kind: 'integer',
    value: 'PID',
    least: 1,
    most: MAX_PID,
    help: 'only connections of the sshd that listens with this pid; default all',
  },
  draw: {
    name: 'draw',
    kind: 'flag',
    help: 'draw finished traces on the terminal although a collector is configured',
  },
  ids: { name: 'ids', kind: 'flag', help: 'show trace and span ids in the drawing' },
  tee: {
    name: 'tee',
    kind: 'text',
    value: 'FILE',
    help: 'also save the event stream as it comes, unredacted, in a new file that only root can read; replay reads it',
  },
  stateDir: {
    name: 'state-dir',
    kind: 'text',
    value: 'DIR',
    fallback: '/var/lib/sshd-otel',
    help: 'where the host key is kept, which trace and span ids are derived from; made at the first start',
  },
  redaction: {
    name: 'redaction',
    kind: 'choice',
    choices: REDACTION_CHOICES,
    value: 'MODE',
    fallback: 'redacted',
    help: 'redacted: known secrets are taken out of command lines; names-only: programs without their arguments; full: everything',
  },
  flushSeconds: {
    name: 'flush-seconds',
    kind: 'integer',
    value: 'N',
    least: 1,
    most: 300,
    fallback: '10',
    help: 'at the end, wait so long for the collector to take what is left',
  },
  raw: { name: 'raw', kind: 'flag', help: 'keep everything, secrets in command lines too' },
  key: {
    name: 'key',
    kind: 'text',
    value: 'HEX|FILE',
    help: 'host key that ids are derived from, as 64 hex digits or a file of 32 bytes; default all zero',
  },
  socket: {
    name: 'socket',
    kind: 'text',
    value: 'PATH',
    help: 'read the stream from a producer that listens on this unix socket; default standard input',
  },
  live: { name: 'live', kind: 'flag', help: 'ask only whether the agent answers' },
  keyFd: {
    name: 'key-fd',
    kind: 'integer',
    value: 'N',
    least: 3,
    most: 255,
    internal: true,
    help: 'open descriptor to read the host key from',
  },
  agentDir: {
    name: 'agent-dir',
    kind: 'text',
    value: 'DIR',
    internal: true,
    help: 'folder that belongs to the user of the agent, for what must outlive it',
  },
  teeFd: {
    name: 'tee-fd',
    kind: 'integer',
    value: 'N',
    least: 1,
    most: 255,
    internal: true,
    help: 'open descriptor to save the stream to',
  },
  teeForm: {
    name: 'tee-form',
    kind: 'choice',
    choices: TEE_CHOICES,
    value: 'FORM',
    fallback: 'raw',
    internal: true,
    help: 'how the stream is saved',
  },
  statusFd: {
    name: 'status-fd',
    kind: 'integer',
    value: 'N',
    least: 3,
    most: 255,
    internal: true,
    help: 'open descriptor to tell the supervisor how the producer does',
  },
  onlyTee: { name: 'only-tee', kind: 'flag', internal: true, help: 'save the stream and make no spans' },
  uid: {
    name: 'uid',
    kind: 'integer',
    value: 'N',
    least: 1,
    most: MAX_ID,
    internal: true,
    help: 'give root up for this user before anything is read',
  },
  gid: {
    name: 'gid',
    kind: 'integer',
    value: 'N',
    least: 1,
    most: MAX_ID,
    internal: true,
    help: 'the same, its group',
  },
  unprivileged: {
    name: 'unprivileged',
    kind: 'flag',
    internal: true,
    help: 'refuse to run with any privilege left',
  },
} as const satisfies Record<string, OptionSpec>;
