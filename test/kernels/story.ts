/** What the clients of `guest-story` do, as facts that a producer must tell, and the same facts read from finished spans. */
import type { AttributeValue, SpanRecord } from '../../agent/span/span-record.ts';

/** `exact` and `libbpf`: what only that mode, or only that producer, can tell. */
interface Scenario {
  readonly all: readonly string[];
  readonly libbpf?: readonly string[];
  readonly exact?: readonly string[];
}

const byKey = (user: string) => [`user ${user}`, 'accepted', 'by publickey', 'refused 0'];
const exec = (command: string, code: number) => [`session exec ${command}`, `session left ${code}`];
const ran = (program: string, code: number) => [`ran ${program}`, `${program} left ${code}`];

/** By the name that the guest's story calls them. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  keys: {
    all: [
      'user alice',
      'accepted',
      'by publickey',
      'refused 1',
      ...exec('/bin/echo hi | /bin/cat; exit 5', 5),
      ...ran('/bin/echo hi', 0),
      ...ran('/bin/cat', 0),
    ],
  },
  command: {
    all: [
      ...byKey('alice'),
      ...exec('/bin/true one; /bin/false two; exit 7', 7),
      ...ran('/bin/true one', 0),
      ...ran('/bin/false two', 1),
    ],
  },
  password: { all: ['user alice', 'accepted', 'by password', 'refused 1', ...exec('exit 0', 0)] },
  refused: { all: ['user alice', 'rejected', 'refused 1'] },
  stranger: { all: ['user mallory', 'unknown user', 'aborted', 'refused 0'] },
  superuser: { all: [...byKey('root'), ...exec('/bin/id -u', 0), ...ran('/bin/id -u', 0)] },
  terminal: { all: [...byKey('alice'), 'session shell', 'on a terminal', 'session left 3'] },
  shared: {
    all: [
      ...byKey('alice'),
      ...exec('/bin/true first', 0),
      ...ran('/bin/true first', 0),
      ...exec('/bin/false second', 1),
      ...ran('/bin/false second', 1),
    ],
  },
  files: {
    all: [...byKey('alice'), 'session subsystem', 'session left 0', ...ran('/usr/lib/openssh/sftp-server', 0)],
    exact: [
      'file write /home/alice/a: 0 read, 3893 written',
      'file rename /home/alice/a to /home/alice/b',
      'file read /home/alice/b: 3893 read, 0 written',
      'file remove /home/alice/b',
    ],
  },
  forward: {
    all: [...byKey('alice'), ...exec('/bin/sleep 3', 0), ...ran('/bin/sleep 3', 0)],
    libbpf: ['forward local connect tcp opened, 292 received'],
  },
  arguments: {
    all: [
      ...byKey('alice'),
      ...exec('/bin/true $(/bin/seq 1 20000); exit 0', 0),
      ...ran('/bin/seq 1 20000', 0),
      ...ran('/bin/true 1 2 3 4 5 6... 108904 bytes', 0),
    ],
  },
  agent: {
    all: [...byKey('alice'), ...exec('ssh-add -l; exit 0', 0), ...ran('ssh-add -l', 0)],
    exact: ['forward remote listen agent opened', 'forward remote accept agent opened, 5 received'],
  },
  failing: {
    all: [
      ...byKey('alice'),
      ...exec('/lab/nothing; /bin/setsid /bin/true apart; exit 4', 4),
      'ran /bin/setsid /bin/true apart',
      ...ran('/bin/true apart', 0),
    ],
  },
};

/** What a run in this mode must tell of a scenario. */
export function expected(name: string, mode: string): string[] {
  const { all = [], libbpf = [], exact = [] } = SCENARIOS[name] ?? {};
  return [...all, ...(mode === 'bpftrace' ? [] : libbpf), ...(mode.includes('exact') ? exact : [])];
}

/** The facts of one trace. What is not known makes none. */
export function factsOf(spans: readonly SpanRecord[]): string[] {
  return spans.flatMap((span) => {
    const { attributes } = span;
    if (span.name === 'ssh.connection') return connectionFacts(attributes);
    if (span.name === 'ssh.session') return sessionFacts(attributes);
    if (span.name === 'ssh.file') return [fileFact(attributes)];
    if (span.name === 'ssh.port_forward') return [forwardFact(attributes)];
    return attributes['ssh.session.id'] === undefined ? [] : programFacts(attributes);
  });
}

type Attributes = Readonly<Record<string, AttributeValue>>;

function connectionFacts(attributes: Attributes): string[] {
  const [result, method, refused] = ['ssh.auth.result', 'ssh.auth.method', 'ssh.auth.failed_attempts'].map(
    (name) => attributes[name],
  );
  return [
    ...(attributes['user.name'] === undefined ? [] : [`user ${attributes['user.name']}`]),
    ...(attributes['ssh.user.valid'] === false ? ['unknown user'] : []),
    ...(result === undefined ? [] : [String(result)]),
    ...(method === undefined ? [] : [`by ${method}`]),
    // Where events were lost it is a lower bound, and the trace says that they were.
    ...(refused === undefined || attributes['ssh.trace.incomplete'] === true ? [] : [`refused ${refused}`]),
  ];
}

function sessionFacts(attributes: Attributes): string[] {
  const type = attributes['ssh.session.type'];
  const command = type === 'exec' ? ` ${attributes['ssh.session.command']}` : '';
  const code = attributes['process.exit.code'];
  return [
    ...(type === undefined ? [] : [`session ${type}${command}`]),
    ...(attributes['ssh.session.tty'] === undefined ? [] : ['on a terminal']),
    ...(code === undefined ? [] : [`session left ${code}`]),
  ];
}

function fileFact(attributes: Attributes): string {
  const [to, read, written] = ['ssh.file.target_path', 'ssh.file.bytes_read', 'ssh.file.bytes_written'].map(
    (name) => attributes[name],
  );
  const more = to === undefined ? '' : ` to ${to}`;
  const bytes = read === undefined ? '' : `: ${read} read, ${written} written`;
  return `file ${attributes['ssh.file.operation']} ${attributes['file.path']}${more}${bytes}`;
}

function forwardFact(attributes: Attributes): string {
  const [direction, operation, type, result, received] = [
    'ssh.forward.direction',
    'ssh.forward.operation',
    'ssh.forward.type',
    'ssh.forward.result',
    'ssh.forward.bytes_received',
  ].map((name) => attributes[name]);
  const bytes = received === undefined ? '' : `, ${received} received`;
  return `forward ${direction} ${operation} ${type} ${result}${bytes}`;
}

/** Of the programs that a session's shell starts; the shell is told by its session. */
function programFacts(attributes: Attributes): string[] {
  const args = attributes['process.command_args'];
  if (!Array.isArray(args) || args[0] === undefined || /^-?sh$/.test(args[0])) return [];
  const whole = args.join(' ');
  const bytes = attributes['ssh.process.args_bytes'];
  const program = whole.length < 100 ? whole : `${whole.slice(0, 21)}... ${bytes} bytes`;
  const code = attributes['process.exit.code'];
  return [`ran ${program}`, ...(code === undefined ? [] : [`${program} left ${code}`])];
}
