import { decodeProcessFields } from './decode-process.ts';
import type { FieldReader, RawRecord } from './field-reader.ts';
import type { CutBytes, FileEvent } from './kernel-event.ts';

const OPERATIONS = [
  'open',
  'close',
  'rest',
  'list',
  'rename',
  'remove',
  'rmdir',
  'mkdir',
  'symlink',
  'link',
  'setstat',
] as const;
const MODES = ['read', 'write', 'both'] as const;
/** Largest errno that the kernel returns. */
const MAX_ERRNO = 4095;

/** A path of which nobody knows how long it was where it was cut: at least one byte more. */
function decodePath(read: FieldReader, value: unknown, cut: unknown, field: string): CutBytes | undefined {
  const bytes = read.optionalBytes(value, field);
  const more = read.flag(cut, `${field}_cut`) ? 1 : 0;
  return bytes === undefined ? undefined : { bytes, length: bytes.length + more };
}

export function decodeFile(raw: RawRecord, read: FieldReader): FileEvent {
  const { tsNs, process, conn, role } = decodeProcessFields(raw, read);
  const { ret } = raw;
  if (raw.op === undefined) read.text(raw.op, 'op');
  const op = read.optionalWord(raw.op, 'op', OPERATIONS) ?? 'rest';
  return {
    kind: 'file',
    tsNs,
    process,
    conn,
    role,
    op,
    execId: read.optionalUint(raw.exec, 'exec'),
    id: op === 'rest' ? undefined : read.uint(raw.id, 'id'),
    // Negated for the range check, since the reader knows only unsigned values.
    ret: ret === undefined ? 0 : 0 - read.uint(typeof ret === 'number' ? -ret : ret, 'ret', MAX_ERRNO),
    mode: read.optionalWord(raw.mode, 'mode', MODES),
    path: decodePath(read, raw.path, raw.path_cut, 'path'),
    to: decodePath(read, raw.to, raw.to_cut, 'to'),
    forced: read.flag(raw.forced, 'forced'),
    readBytes: read.optionalU64(raw.read, 'read'),
    writtenBytes: read.optionalU64(raw.written, 'written'),
    count: read.optionalUint(raw.n, 'n'),
    failed: read.optionalUint(raw.failed, 'failed'),
  };
}
