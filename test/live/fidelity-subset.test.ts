/**
 * A few cells of the matrix, live: the machine's own sshd, and those of other families that `make matrix` has built here.
 * What is not here is replayed by test/matrix/recorded.test.ts and test/matrix/replayed-stories.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCell } from '../matrix/run-cell.ts';
import { SCENARIOS } from '../matrix/scenarios.ts';
import { findServers, type Server } from '../matrix/servers.ts';
import { whyNotLive } from './tracing.ts';

/** On the machine's own sshd: one of each kind of fact. */
const OWN = [
  'multi_key',
  'pw_bad3',
  'kbdint',
  'root_exec',
  'pty_shell',
  'mux',
  'sftp_int',
  'client_kill',
  'daemons',
  'scan',
];
/** On each of the others, if they are here. */
const OTHERS = ['key_exec', 'mux', 'root_exec', 'scan'];

const skip = await whyNotLive('libbpf');
const servers = skip === false ? await findServers(false, () => undefined) : [];

describe('cells of the matrix, live', { skip, timeout: 300_000 }, () => {
  for (const server of servers) {
    const own = server.root === undefined;
    for (const name of own ? OWN : OTHERS) it(`${name} on ${server.version}`, () => checkCell(server, name));
  }
});

async function checkCell(server: Server, name: string): Promise<void> {
  const scenario = SCENARIOS.find((one) => one.name === name);
  assert.ok(scenario, `no scenario ${name}`);
  const { wrong, missing, right } = (await runCell(server, scenario, 'libbpf')).comparison;
  assert.deepEqual({ wrong, missing }, { wrong: [], missing: [] });
  assert.ok(right > 0, 'there was something to compare');
}
