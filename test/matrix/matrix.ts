/**
 * Runs the matrix of scenarios, servers and producers, and writes docs/fidelity.md. `SERVER`, `SCENARIO` and `PRODUCER`
 * choose, each a list with commas; nothing chosen is all.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProducerMode, runCell } from './run-cell.ts';
import { SCENARIOS } from './scenarios.ts';
import { findServers } from './servers.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);
const chosen = (name: string): ((value: string) => boolean) => {
  const list = process.env[name]?.split(',').filter((one) => one !== '');
  return (value) => list === undefined || list.length === 0 || list.includes(value);
};

const servers = (await findServers(true, say)).filter((server) => chosen('SERVER')(server.id));
const scenarios = SCENARIOS.filter((scenario) => chosen('SCENARIO')(scenario.name));
const modes = (['libbpf', 'libbpf-exact', 'bpftrace'] as ProducerMode[]).filter(chosen('PRODUCER'));
for (const server of servers) say(`${server.id}: ${server.version}, ${server.source}`);
for (const mode of modes)
  for (const scenario of scenarios)
    for (const server of servers) {
      const name = `${scenario.name} on ${server.id} by ${mode}`;
      try {
        const cell = await runCell(server, scenario, mode);
        const { right, wrong, missing, unknowable } = cell.comparison;
        say(`${name}: ${right} right, ${wrong.length} wrong, ${missing.length} missing ${JSON.stringify(unknowable)}`);
        for (const line of wrong) say(`    wrong    ${line}`);
        for (const line of missing) say(`    missing  ${line}`);
        if (process.env['KEEP'] !== undefined) {
          mkdirSync(process.env['KEEP'], { recursive: true });
          writeFileSync(join(process.env['KEEP'], `${server.id}-${scenario.name}-${mode}.ndjson`), cell.stream);
        }
      } catch (error) {
        say(`${name}: FAILED ${error instanceof Error ? error.stack : error}`);
      }
    }
