/**
 * Runs the matrix of scenarios, servers and producers, and writes docs/fidelity.md. `SERVER`, `SCENARIO` and `PRODUCER`
 * choose, each a list with commas; nothing chosen is all, and goes on where the last run was stopped. `MATRIX_JOBS` cells
 * run side by side. A cell that could not be played, or whose times alone are wrong, is played once more with nothing beside
 * it, and counted. `RECORD=1` keeps what is right as test/streams/matrix. Ends with 1 if a cell is not right.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { workOn } from './queue.ts';
import { RECORDED_SERVERS, recordsExact, writeRecording } from './recorded.ts';
import { replayedCells } from './replayed-stories.ts';
import { fidelityPage } from './report.ts';
import { type CellResult, isGreen, Results } from './results.ts';
import { type Cell, runCell } from './run-cell.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { findServers, type Server } from './servers.ts';
import { ownWatcher, PRODUCER_MODES, type ProducerMode, SharedWatcher, type Watcher } from './watcher.ts';

/** Lines of a wrong cell that are printed. */
const LINES = Number(process.env['LINES'] ?? 12);

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function chosen(name: string): readonly string[] | undefined {
  const list = process.env[name]?.split(',').filter((one) => one !== '');
  return list === undefined || list.length === 0 ? undefined : list;
}

async function main(): Promise<boolean> {
  const [onServer, ofScenario, byProducer] = [chosen('SERVER'), chosen('SCENARIO'), chosen('PRODUCER')];
  const whole = onServer === undefined && ofScenario === undefined && byProducer === undefined;
  const servers = (await findServers(true, say)).filter((one) => onServer?.includes(one.id) !== false);
  const scenarios = SCENARIOS.filter((one) => ofScenario?.includes(one.name) !== false);
  const modes = PRODUCER_MODES.filter((one) => byProducer?.includes(one) !== false);
  for (const server of servers) say(`${server.id}: ${server.version}, ${server.source}`);
  const results = new Results();
  if (whole) results.begin();
  const resumes = whole || process.env['RESUME'] === '1';
  const cells = modes
    .flatMap((mode) => scenarios.flatMap((scenario) => servers.map((server) => ({ mode, scenario, server }))))
    .filter(({ mode, scenario, server }) => !(resumes && results.has(scenario.name, server.id, mode)));
  const red = await playCells(cells, results);
  const replayed = replayedCells();
  for (const cell of replayed) tell(`${cell.scenario} on ${cell.server}, replayed`, cell);
  if (whole) results.finish();
  const page = join(import.meta.dirname, '..', '..', 'docs', 'fidelity.md');
  writeFileSync(page, fidelityPage([...results.all(), ...replayed], SCENARIOS));
  return red === 0 && replayed.every(isGreen);
}

interface Place {
  readonly mode: ProducerMode;
  readonly scenario: Scenario;
  readonly server: Server;
}

/** Plays them all; resolves with how many are not right. */
async function playCells(places: readonly Place[], results: Results): Promise<number> {
  const jobs = Number(process.env['MATRIX_JOBS'] ?? 3 * availableParallelism());
  const shared = new SharedWatcher('bpftrace');
  const attached = places.filter(({ mode }) => mode === 'bpftrace').length > 1 && process.env['KEEP'] === undefined;
  const watcherOf = ({ mode, scenario }: Place) =>
    mode === 'bpftrace' && attached ? shared.watch : ownWatcher(mode, scenario.wholeHost);
  const startedMs = performance.now();
  let red = 0;
  let played = 0;
  const again: Place[] = [];
  const play = async (place: Place, replayed: boolean) => {
    const { mode, scenario, server } = place;
    const result = { ...(await playCell(server, scenario, mode, watcherOf(place))), ...(replayed ? { replayed } : {}) };
    const repeats = !replayed && isOfTheMachine(result);
    if (repeats) again.push(place);
    else results.put(result);
    if (!repeats && !isGreen(result)) red++;
    played++;
    const of = places.length + again.length;
    const minutesLeft = Math.ceil((((performance.now() - startedMs) / played) * (of - played)) / 60_000);
    const about = `${played}/${of}, ${minutesLeft} min left`;
    tell(`[${about}] ${scenario.name} on ${server.id} by ${mode}${repeats ? ' (once more later)' : ''}`, result);
  };
  try {
    const together = places.filter(({ scenario }) => scenario.alone !== true);
    await workOn(together, jobs, (place) => play(place, false));
    const alone = places.filter(({ scenario }) => scenario.alone === true);
    await workOn(alone, 1, (place) => play(place, false));
    await workOn([...again], 1, (place) => play(place, true));
  } finally {
    await shared.stop();
  }
  return red;
}

/** It may be that the machine was too busy: it could not be played, or nothing but times is wrong. */
function isOfTheMachine(result: CellResult): boolean {
  if (result.failed !== undefined) return true;
  const off = [...result.wrong, ...result.missing];
  return off.length > 0 && off.every((line) => line.startsWith('time of '));
}

async function playCell(
  server: Server,
  scenario: Scenario,
  producer: ProducerMode,
  watcher: Watcher,
): Promise<CellResult> {
  const about = { scenario: scenario.name, server: server.id, version: server.version, producer };
  const nothing = { ...about, right: 0, wrong: [], missing: [], unknowable: {}, kinds: {} };
  const skipped = scenario.notOn?.(server) ?? scenario.notBy?.(producer);
  if (skipped !== undefined) return { ...nothing, skipped };
  try {
    const cell = await runCell(server, scenario, producer, watcher);
    const result = { ...about, ...cell.comparison };
    keep(cell, result, scenario);
    return result;
  } catch (error) {
    return { ...nothing, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Streams of right cells for the repository, if asked for; all streams for whoever looks for a fault. */
function keep(cell: Cell, result: CellResult, scenario: Scenario): void {
  const folder = process.env['KEEP'];
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${result.server}-${result.scenario}-${result.producer}.ndjson`), cell.stream);
  }
  const exact = result.producer === 'libbpf-exact' && recordsExact(scenario);
  if (process.env['RECORD'] !== '1' || !isGreen(result) || (result.producer !== 'libbpf' && !exact)) return;
  if (!RECORDED_SERVERS.some(({ id }) => id === result.server) || scenario.unrecorded === true || !cell.alone) return;
  const story = [
    `${result.version}: ${scenario.story}`,
    'Recorded by test/matrix/matrix.ts, each "fact" said by a witness: the client, the log, strace. Host replaced.',
  ];
  writeRecording(`${result.server}-${result.scenario}${exact ? '-exact' : ''}`, story, cell.stream, cell.expected);
}

function tell(name: string, result: CellResult): void {
  if (result.skipped !== undefined) return say(`${name}: skipped, ${result.skipped}`);
  if (result.failed !== undefined) return say(`${name}: FAILED: ${result.failed}`);
  const unknowable = Object.entries(result.unknowable).map(([reason, count]) => `, ${count} ${reason}`);
  const counts = `${result.right} right, ${result.wrong.length} wrong, ${result.missing.length} missing`;
  say(`${name}: ${counts}${unknowable.join('')}`);
  for (const line of result.wrong.slice(0, LINES)) say(`    wrong    ${line}`);
  for (const line of result.missing.slice(0, LINES)) say(`    missing  ${line}`);
}

process.exitCode = (await main()) ? 0 : 1;
