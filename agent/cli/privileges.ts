import { readFileSync } from 'node:fs';
import { CommandFailure } from './command.ts';
import { EXIT } from './exit-codes.ts';

/**
 * Gives root up for good: groups, group, user. Whoever started us had already taken every other right from us, and the
 * kernel takes the last ones with the user id (capabilities(7), "Effect of user ID changes on capabilities").
 */
export function becomeUser(uid: number, gid: number): void {
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/**
 * Makes sure that nothing is left of root: what comes next parses bytes that strangers chose, and talks to the network.
 * @throws CommandFailure naming what is left
 */
export function requireUnprivileged(status: string = readFileSync('/proc/self/status', 'latin1')): void {
  const left = privilegesLeft(status);
  if (left.length === 0) return;
  throw new CommandFailure(EXIT.rights, `the agent refuses to run with privileges: ${left.join(', ')}`);
}

/** What a `/proc/PID/status` shows of privileges, by the names of its lines. */
export function privilegesLeft(status: string): string[] {
  const fields = new Map(
    status.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.split(/\s+/).slice(1)]),
  );
  const left: string[] = [];
  for (const name of ['Uid', 'Gid', 'Groups']) if (fields.get(name)?.includes('0') !== false) left.push(name);
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
    if (!/^0+$/.test(fields.get(name)?.[0] ?? '')) left.push(name);
  if (fields.get('NoNewPrivs')?.[0] !== '1') left.push('NoNewPrivs');
  return left;
}
