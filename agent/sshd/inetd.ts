/** `sshd -i`: something else (inetd, systemd with `Accept=yes`) listens, and starts an sshd for each connection. */
import type { ExecEvent } from '../decode/kernel-event.ts';
import { splitArgv } from './session-kind.ts';

/** Options of sshd that take a value (sshd.c `main`, all versions up to 10.6). */
const WITH_VALUE = new Set([...'CEbcfghkopu'].map((letter) => letter.charCodeAt(0)));
const MINUS = 0x2d;
const LOWER_I = 0x69;
const MOST_ARGUMENTS = 64;

/** Whether an exec of sshd has the option `-i`: then nobody of sshd's own forked the process, and no fork was missed. */
export function isStartedByInetd({ argv }: ExecEvent): boolean {
  if (argv === undefined) return false;
  let isValue = false;
  for (const argument of splitArgv(argv, MOST_ARGUMENTS).slice(1)) {
    if (isValue) isValue = false;
    else {
      if (argument.length < 2 || argument[0] !== MINUS || argument[1] === MINUS) return false;
      for (let at = 1; at < argument.length && !isValue; at++) {
        const letter = argument[at] ?? 0;
        if (letter === LOWER_I) return true;
        if (!WITH_VALUE.has(letter)) continue;
        if (at < argument.length - 1) break;
        isValue = true;
      }
    }
  }
  return false;
}
