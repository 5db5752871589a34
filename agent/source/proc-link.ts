import { readlinkSync } from 'node:fs';

/** Where a link of /proc leads, Latin-1; empty where it cannot be read: the process is gone, or not ours to look at. */
export function linkOf(path: string): string {
  try {
    return readlinkSync(path, 'latin1');
  } catch {
    return '';
  }
}
