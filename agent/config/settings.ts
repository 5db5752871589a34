/** Everything that can be set, once: checking, printing and docs/configuration.md all read this table. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { PRODUCER_CHOICES, REDACTION_CHOICES } from './options.ts';
import type { SettingSpec } from './setting.ts';
import { EXPORT_SETTINGS, whole } from './settings-export.ts';
import { METRICS_SETTINGS } from './settings-metrics.ts';

/** Where the file is looked for unless another is named. */
export const DEFAULT_FILE = '/etc/sshd-otel/sshd-otel.yaml';

/** Kinds of values that a rule for a program may give to its options; see docs/redaction.md. */
const VALUE_KINDS = [
  ...['secret', 'plain', 'prose', 'after-colon', 'after-percent', 'after-comma', 'after-equals', 'pair', 'header'],
  ...['cookie', 'pattern', 'user-info', 'oracle', 'login', 'source', 'secret-unless-path', 'script', 'command', 'flag'],
] as const;

const valueKind = z.enum(VALUE_KINDS as unknown as ['secret', 'plain', 'script']);
const names = z.array(z.string().min(1).max(256)).max(10_000);

const programRule = z.strictObject({
  names: z.string().min(1),
  secret: z.string().optional(),
  special: z.partialRecord(valueKind, z.string()).optional(),
  plain: z.string().optional(),
  flags: z.string().optional(),
  positionals: z
    .array(z.strictObject({ at: z.int().min(0).max(1000), kind: valueKind, if: z.string().optional() }))
    .optional(),
  others: valueKind.optional(),
  keys: z.string().optional(),
  command: z.int().min(0).max(100).optional(),
  assignments: z.boolean().optional(),
});

const mode = z.enum(REDACTION_CHOICES);

/** `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. */
const network = z.string().refine((text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
});

const SETTINGS = {
  stateDir: {
    schema: z.string().startsWith('/'),
    expected: 'the absolute path of a folder',
    fallback: '/var/lib/sshd-otel',
    flag: 'state-dir',
    reload: false,
    help: 'where the host key is kept, which ids are derived from, and spans that could not be delivered yet',
  },
  producer: {
    schema: z.enum(PRODUCER_CHOICES),
    expected: 'auto, libbpf or bpftrace',
    fallback: 'auto',
    flag: 'producer',
    reload: false,
    help: 'what traces the kernel, for run; auto: libbpf where it loads, else bpftrace',
  },
  exact: {
    schema: z.boolean(),
    expected: 'true or false',
    fallback: false,
    flag: 'exact',
    reload: false,
    help: 'for run and record: also tell what only system calls show (files of sftp and scp, forwards of unix sockets and of the agent, execs that failed); libbpf only, and every system call of the host pays for it',
  },
  listener: {
    ...whole(1, 4_194_304),
    flag: 'listener',
    fallbackText: 'all',
    reload: false,
    help: 'only connections of the sshd that listens with this pid',
  },
  flushSeconds: {
    ...whole(1, 300),
    fallback: 10,
    flag: 'flush-seconds',
    reload: false,
    help: 'at the end, wait so long for the collector to take what is left',
  },
  draw: {
    schema: z.boolean(),
    expected: 'true or false',
    fallbackText: 'true if nothing is exported',
    flag: 'draw',
    reload: false,
    help: 'draw finished traces on standard output although a collector is configured',
  },
  openMarkers: {
    schema: z.boolean(),
    expected: 'true or false',
    fallback: true,
    reload: false,
    help: 'tell of connections and sessions that are still open after 2 s, by a small span each',
  },
  'redaction.mode': {
    schema: mode,
    expected: 'redacted, names-only or full',
    fallback: 'redacted',
    flag: 'redaction',
    reload: true,
    help: 'redacted: known secrets are taken out of command lines; names-only: programs without their arguments; full: everything',
  },
  'redaction.perUser': {
    schema: z.record(z.string().min(1), mode),
    expected: 'login users with redacted, names-only or full',
    reload: true,
    help: 'another mode for connections under the name of one of these users; recordings do not know users and follow redaction.mode',
  },
  'redaction.perProgram': {
    schema: z.record(z.string().min(1), mode),
    expected: 'programs with redacted, names-only or full',
    reload: true,
    help:
      'another mode for these programs, by the base name that they are called by; names-only also holds where another ' +
      'program or a shell line runs them, whatever the mode of that one, full and redacted only where they are the command itself; wins over the mode of the user',
  },
  'redaction.keys': {
    schema: names,
    expected: 'a list of names',
    reload: true,
    help: 'more names of variables, options and fields that hold secrets, taken literally, capitals or not',
  },
  'redaction.programs': {
    schema: z.array(programRule).max(1000),
    expected: 'a list of rules for programs',
    reload: true,
    help: 'rules for the options of your own programs, in the notation of the built-in ones; they win over those',
  },
  'exclude.users': {
    schema: names,
    expected: 'a list of login users',
    reload: true,
    help: 'no spans of connections in which one of these users got in; who fails under such a name is told of all the same',
  },
  'exclude.sources': {
    schema: z.array(network).max(10_000),
    expected: 'a list of addresses or networks, for instance 192.0.2.0/24',
    reload: true,
    help: 'no spans of connections from there, failed ones included',
  },
  'exclude.programs': {
    schema: names,
    expected: 'a list of base names of programs',
    reload: true,
    help: 'no spans of these programs; what they run hangs on whatever ran them',
  },
  'limits.argvBytes': {
    ...whole(256, 16 * 1024 * 1024),
    fallback: 65_536,
    reload: false,
    help: 'bytes of one argument vector; what is cut is marked, count and length stay true',
  },
  'limits.traceBytes': {
    ...whole(100_000, 1_000_000_000),
    fallback: 4_000_000,
    reload: false,
    help: 'encoded bytes after which a connection goes on in another trace; Tempo drops what exceeds 5,000,000',
  },
  'limits.unauthenticatedPerSource': {
    ...whole(0, 1_000_000_000),
    fallback: 100,
    flag: 'unauthenticated-per-source',
    reload: false,
    help:
      'connections that never authenticate, of one IPv4 address or IPv6 /64, that are told one by one in a minute; ' +
      'further ones are told by one summary span for the source and minute',
  },
  'limits.unauthenticatedPerMinute': {
    ...whole(0, 1_000_000_000),
    fallback: 1_000,
    reload: false,
    help: 'the same of all sources together',
  },
  'limits.unauthenticatedSources': {
    ...whole(1, 1_000_000),
    fallback: 4_096,
    reload: false,
    help: 'sources that are counted apart; beyond, the summary of the one heard of least recently ends early',
  },
  ...EXPORT_SETTINGS,
  ...METRICS_SETTINGS,
} as const satisfies Record<string, SettingSpec>;

export type SettingName = keyof typeof SETTINGS;

type Spec<N extends SettingName> = (typeof SETTINGS)[N];
/** The type of a setting's value; with a fallback it is never absent. */
export type SettingValue<N extends SettingName> =
  Spec<N> extends { readonly fallback: unknown }
    ? z.output<Spec<N>['schema']>
    : z.output<Spec<N>['schema']> | undefined;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** The row of a setting, its optional columns readable. */
export function specOf(name: SettingName): SettingSpec {
  return SETTINGS[name];
}
