/** What kind of session it is, from the leader's first exec (session.c `do_child`), its title, or a log line. */
import type { CutBytes } from '../decode/kernel-event.ts';
import { baseName } from './families.ts';
import type { FirstProgram, Session } from './node.ts';
import type { SessionActivity } from './session-event.ts';

type Kind = Pick<
  SessionActivity,
  'type' | 'typeSource' | 'subsystem' | 'command' | 'requestedCommand' | 'traceparent' | 'tracestate'
>;

const MINUS = 0x2d;
const LOWER_C = 0x63;
const SPACE = 0x20;
const SLASH = 0x2f;
/** `internal-sftp`, as the configuration spells it. */
const INTERNAL = [...'internal-sftp'].map((letter) => letter.charCodeAt(0));

/** The arguments of an argv block that are wholly there. */
export function splitArgv(argv: CutBytes, limit = Number.POSITIVE_INFINITY): Uint8Array[] {
  const out: Uint8Array[] = [];
  let start = 0;
  for (let end = argv.bytes.indexOf(0); end >= 0 && out.length < limit; end = argv.bytes.indexOf(0, start)) {
    out.push(argv.bytes.subarray(start, end));
    start = end + 1;
  }
  return out;
}

/** Everything that the leader's first exec tells about the session. */
export function sessionKind(session: Session): Kind {
  const event = session.first;
  if (event === undefined) return { ...withoutProgram(session), ...commandInstead(session) };
  const command = shellCommand(event);
  const login = isLoginShell(event);
  const kind: Kind = {
    ...(command === undefined ? commandInstead(session) : { command }),
    requestedCommand: variable(event, 'SSH_ORIGINAL_COMMAND'),
    traceparent: environment(event, 'TRACEPARENT'),
    tracestate: environment(event, 'TRACESTATE'),
  };
  if (session.logType === 'subsystem') {
    return { ...kind, type: 'subsystem', typeSource: 'log', subsystem: session.subsystem };
  }
  if (command !== undefined && isSftpServer(command)) {
    // A user may run the same command; the protocol that follows is the same, too.
    return { ...kind, type: 'subsystem', typeSource: 'command', subsystem: 'sftp' };
  }
  if (command !== undefined) return { ...kind, type: 'exec', typeSource: 'kernel' };
  if (login) return { ...kind, type: 'shell', typeSource: 'kernel' };
  return session.logType === undefined ? kind : { ...kind, type: session.logType, typeSource: 'log' };
}

/**
 * What sshd told its monitor, where the leader's arguments were lost. Of a session without a command and without a terminal
 * it tells the user's shell, and of sftp inside sshd a name of its own: both are no command.
 */
function commandInstead({ first, firstLost, announcedCommand }: Session): Pick<Kind, 'command'> {
  const lost = first === undefined ? firstLost : first.argv === undefined;
  if (!lost || announcedCommand === undefined) return {};
  const { bytes } = announcedCommand;
  const mayBeShell = bytes[0] === SLASH && !bytes.includes(SPACE);
  return mayBeShell || INTERNAL.every((byte, i) => bytes[i] === byte) ? {} : { command: announcedCommand };
}

/** internal-sftp never execs; its title says so. */
function withoutProgram(session: Session): Kind {
  const title = session.title === undefined ? '' : baseName(session.title);
  if (title.endsWith('@internal-sftp')) return { type: 'subsystem', typeSource: 'title', subsystem: 'sftp' };
  if (session.logType === undefined) return {};
  return { type: session.logType, typeSource: 'log', subsystem: session.subsystem };
}

/** argv is `[shell, "-c", COMMAND]`: the whole command line is one string. */
function shellCommand(event: FirstProgram): CutBytes | undefined {
  if (event.argv === undefined) return undefined;
  const [shell, option] = splitArgv(event.argv, 2);
  if (shell === undefined || option?.length !== 2 || option[0] !== MINUS || option[1] !== LOWER_C) return undefined;
  const at = shell.length + 1 + option.length + 1;
  const length = event.argv.length - at - 1;
  return length < 0 ? undefined : { bytes: event.argv.bytes.subarray(at, at + length), length };
}

/** A login shell's argv[0] begins with `-` and has no arguments. */
function isLoginShell(event: FirstProgram): boolean {
  return event.argv?.bytes[0] === MINUS && event.argv.bytes.indexOf(0) === event.argv.length - 1;
}

function isSftpServer(command: CutBytes): boolean {
  const end = command.bytes.indexOf(SPACE);
  return baseName(end < 0 ? command.bytes : command.bytes.subarray(0, end)) === 'sftp-server';
}

function variable(event: FirstProgram, name: string): CutBytes | undefined {
  return event.env.find((entry) => entry.name === name)?.value;
}

/** A variable of plain ASCII as text; undefined if it was cut or has other bytes. */
export function environment(event: FirstProgram, name: string): string | undefined {
  const value = variable(event, name);
  if (value === undefined || value.bytes.length < value.length || value.length > 512) return undefined;
  let text = '';
  for (const byte of value.bytes) {
    if (byte < 0x20 || byte > 0x7e) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
