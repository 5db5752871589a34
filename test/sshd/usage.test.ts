/** What a program used is told of it alone, and only where that is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecEvent, ExitEvent } from '../../agent/decode/kernel-event.ts';
import type { ProgramFacts } from '../../agent/sshd/program-facts.ts';
import { decodeAll, tell } from '../helpers/model.ts';
import { loadStream } from '../helpers/streams.ts';

const STORY = decodeAll(loadStream('10.0-debian-story'));

/** Programs of the story, told with CPU time in its exec and exit records. */
function programs(ofExec: (event: ExecEvent) => Partial<ExecEvent>, ofExit: Partial<ExitEvent>): ProgramFacts[] {
  const events = STORY.map((event) => {
    if (event.kind === 'exec') return { ...event, ...ofExec(event) };
    return event.kind === 'exit' ? { ...event, ...ofExit } : event;
  });
  const activities = tell(events).connections.flatMap((connection) => connection.activities);
  return activities.flatMap((one) => (one.kind === 'program' || one.kind === 'helper' ? [one.program] : []));
}

const EXIT = { cpu: { userNs: 50n, systemNs: 20n }, maxRssBytes: 4_096n };

test('the first program of a process has all that the process used', () => {
  const found = programs(() => ({}), EXIT);
  const first = found.filter((one) => one.execNumber === 1 && one.exit !== undefined && !one.replaced);
  assert.ok(first.length > 3);
  for (const one of first) assert.deepEqual([one.cpu, one.maxRssBytes], [EXIT.cpu, 4_096n]);
});

test('a later one has it without what was used before, or nothing where that is not known', () => {
  const later = (found: ProgramFacts[]) => found.filter((one) => (one.execNumber ?? 1) > 1 && one.exit !== undefined);
  const told = later(programs(() => ({ cpu: { userNs: 30n, systemNs: 5n } }), EXIT));
  assert.ok(told.length > 0);
  for (const one of told) assert.deepEqual(one.cpu, { userNs: 20n, systemNs: 15n });
  for (const one of later(programs(() => ({}), EXIT))) assert.equal(one.cpu, undefined);
  const backwards = later(programs(() => ({ cpu: { userNs: 60n, systemNs: 5n } }), EXIT));
  for (const one of backwards) assert.deepEqual([one.cpu, one.maxRssBytes], [undefined, 4_096n]);
});

test('a program that was replaced has neither', () => {
  const replaced = programs(() => ({}), EXIT).filter((one) => one.replaced);
  assert.ok(replaced.length > 0);
  for (const one of replaced) assert.deepEqual([one.cpu, one.maxRssBytes], [undefined, undefined]);
});
