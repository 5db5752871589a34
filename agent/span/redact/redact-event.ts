import type { CutBytes, EnvironmentEntry, KernelEvent } from '../../decode/kernel-event.ts';
import { redactPath } from '../redact-path.ts';
import type { Redactor } from '../redactor.ts';
import { lower } from './ascii.ts';

/** Type of the monitor's message that carries the session's command (OpenSSH monitor.h, MONITOR_REQ_AUDIT_COMMAND). */
const AUDIT_COMMAND = 113;

/** Bytes before the text of an SSH string: its length, big-endian. */
const STRING_HEADER = 4;

/** Characters converted at once: a function takes only so many arguments. */
const CHUNK = 8192;

/**
 * The event without its secrets, for a recording: argument vectors, `SSH_ORIGINAL_COMMAND`, the session's command as sshd's
 * monitor heard it, log text, paths of files and sockets. An event without a secret comes back as it is, the same object.
 *
 * Bytes go through the redactor as Latin-1, one character a byte: what is not replaced stays as it was, valid UTF-8 or not.
 * Where something was replaced, `length` is the new length; a value that was cut stays cut by as many bytes.
 */
export function redactEvent(event: KernelEvent, redactor: Redactor): KernelEvent {
  switch (event.kind) {
    case 'exec':
    case 'seed': {
      const argv = redactArgv(event.argv, redactor);
      const env = redactEnvironment(event.env, redactor);
      const file = event.file === undefined ? undefined : redactBytes(event.file, redactor);
      return argv === event.argv && env === event.env && file === event.file ? event : { ...event, argv, env, file };
    }
    case 'mon': {
      if (event.type !== AUDIT_COMMAND) return event;
      const data = redactString(event.data, redactor);
      return data === event.data ? event : { ...event, data, length: event.length - event.data.length + data.length };
    }
    case 'log': {
      const data = redactBytes(event.data, redactor);
      return data === event.data ? event : { ...event, data };
    }
    case 'file': {
      const path = redactPathBytes(event.path, redactor);
      const to = redactPathBytes(event.to, redactor);
      return path === event.path && to === event.to ? event : { ...event, path, to };
    }
    case 'forward': {
      const { path } = event;
      const hidden = path === undefined ? undefined : redactBytes({ bytes: path, length: path.length }, redactor).bytes;
      return path === hidden ? event : { ...event, path: hidden };
    }
    default:
      return event;
  }
}

/** NUL-separated arguments, as many as before. */
function redactArgv(argv: CutBytes | undefined, redactor: Redactor): CutBytes | undefined {
  if (argv === undefined || argv.bytes.length === 0) return argv;
  const text = toLatin1(argv.bytes);
  const ended = text.endsWith('\0');
  const args = (ended ? text.slice(0, -1) : text).split('\0');
  const result = redactor.argv(args);
  if (result.redacted === 0) return argv;
  return replaced(argv, `${result.args.join('\0')}${ended ? '\0' : ''}`);
}

function redactEnvironment(env: readonly EnvironmentEntry[], redactor: Redactor): readonly EnvironmentEntry[] {
  let changed = false;
  const result = env.map((entry) => {
    if (lower(entry.name) !== 'ssh_original_command') return entry;
    const value = redactBytes(entry.value, redactor);
    if (value === entry.value) return entry;
    changed = true;
    return { ...entry, value };
  });
  return changed ? result : env;
}

/** An SSH string; the length before the text is corrected with it. */
function redactString(data: CutBytes, redactor: Redactor): CutBytes {
  if (data.bytes.length <= STRING_HEADER) return data;
  const text = toLatin1(data.bytes.subarray(STRING_HEADER));
  const result = redactor.text(text);
  if (result.redacted === 0) return data;
  const bytes = new Uint8Array(STRING_HEADER + result.text.length);
  const added = result.text.length - text.length;
  bytes.set(data.bytes.subarray(0, STRING_HEADER));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.max(0, view.getUint32(0) + added));
  putLatin1(result.text, bytes, STRING_HEADER);
  return { bytes, length: data.length + added };
}

function redactBytes(value: CutBytes, redactor: Redactor): CutBytes {
  const result = redactor.text(toLatin1(value.bytes));
  return result.redacted === 0 ? value : replaced(value, result.text);
}

function redactPathBytes(value: CutBytes | undefined, redactor: Redactor): CutBytes | undefined {
  if (value === undefined) return undefined;
  const result = redactPath(redactor, toLatin1(value.bytes));
  return result.redacted === 0 ? value : replaced(value, result.text);
}

function replaced(value: CutBytes, text: string): CutBytes {
  const bytes = new Uint8Array(text.length);
  putLatin1(text, bytes, 0);
  return { bytes, length: value.length - value.bytes.length + bytes.length };
}

function toLatin1(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) pieces.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  return pieces.join('');
}

function putLatin1(text: string, bytes: Uint8Array, from: number): void {
  for (let i = 0; i < text.length; i++) bytes[from + i] = text.charCodeAt(i);
}
