/** Attributes of what a session's server did with files. */
import type { CutBytes } from '../decode/kernel-event.ts';
import type { FileFacts, FileTally } from '../sshd/file-facts.ts';
import { type Attributes, put, putCount, putFlag } from './attribute-map.ts';
import { ATTR } from './attributes.ts';
import { toNumber } from './connection-attributes.ts';
import { errnoName } from './errnos.ts';
import { limitString } from './limits.ts';
import { redactPath } from './redact-path.ts';
import type { Redactor } from './redactor.ts';
import { cleanText, decodeUtf8 } from './text.ts';

/** A file that isn't there, or that the user may not read, is his affair: no error of the span. */
export function putFile(attributes: Attributes, file: FileFacts, redactor: Redactor): void {
  put(attributes, ATTR.fileOperation, file.operation);
  let cut = false;
  let redacted = 0;
  const putPath = (name: string, path: CutBytes | undefined): void => {
    if (path === undefined) return;
    const clean = redactPath(redactor, cleanText(decodeUtf8(path.bytes)));
    const text = limitString(clean.text);
    put(attributes, name, text);
    redacted += clean.redacted;
    cut ||= text !== clean.text || path.bytes.length < path.length;
  };
  putPath(ATTR.filePath, file.path);
  putPath(ATTR.fileTarget, file.target);
  putFlag(attributes, ATTR.filePathTruncated, cut);
  put(attributes, ATTR.fileError, file.errno === undefined ? undefined : errnoName(file.errno));
  put(attributes, ATTR.fileReadBytes, toNumber(file.readBytes));
  put(attributes, ATTR.fileWrittenBytes, toNumber(file.writtenBytes));
  putFlag(attributes, ATTR.fileUnclosed, file.unclosed);
  putCount(attributes, ATTR.redactions, redacted);
}

/** Sums of a session whose server worked on files. */
export function putFileTally(attributes: Attributes, files: FileTally | undefined): void {
  if (files === undefined) return;
  put(attributes, ATTR.fileOperations, files.operations);
  putCount(attributes, ATTR.fileOperationsNotTold, files.notTold);
  putCount(attributes, ATTR.fileOperationsFailed, files.failed);
  put(attributes, ATTR.sessionFileReadBytes, toNumber(files.readBytes));
  put(attributes, ATTR.sessionFileWrittenBytes, toNumber(files.writtenBytes));
}
