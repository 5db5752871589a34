/**
 * What is kept of the arguments of programs that run. Users choose both: how long they are (2 MB and more) and how long the
 * programs live, so a thousand sleepers would hold gigabytes. A connection may keep a part; beyond it a program's beginning only.
 */
import type { CutBytes } from '../decode/kernel-event.ts';

/** Bytes of one connection: two thousand command lines of the longest usual kind, 4 KiB. */
export const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/** Of a vector beyond that; what is shorter is always kept. */
const SHORT_BYTES = 512;

/** The account of a connection; plain, for it is saved and restored with it. */
export interface KeptArgv {
  keptArgvBytes: number;
}

/** What of a program's arguments is to be kept while it runs. Cut, it is whole elements and the true length. */
export function keepArgv(account: KeptArgv, argv: CutBytes | undefined): CutBytes | undefined {
  const size = argv?.bytes.length ?? 0;
  if (argv === undefined || size <= SHORT_BYTES) return argv;
  if (account.keptArgvBytes + size <= MAX_KEPT_BYTES) {
    account.keptArgvBytes += size;
    return argv;
  }
  // Between elements: half a secret may not be known for one. A copy: a part would hold the whole.
  const end = argv.bytes.lastIndexOf(0, SHORT_BYTES - 1) + 1;
  return { bytes: argv.bytes.slice(0, end), length: argv.length };
}

/** The program is over that `kept` was kept for. */
export function releaseArgv(account: KeptArgv, kept: CutBytes | undefined): void {
  const size = kept?.bytes.length ?? 0;
  if (size > SHORT_BYTES) account.keptArgvBytes -= size;
}
