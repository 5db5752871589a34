/**
 * The rows that are replayed: a story of fifteen steps, recorded on families that no package offers. What is expected is read
 * from the lines that the clients' own script wrote at the top of each stream.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Pipeline } from '../../agent/pipeline.ts';
import { noRedaction } from '../../agent/span/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { compareFacts, type Fact, type FactKind } from './facts.ts';
import type { CellResult } from './results.ts';
import { toldFacts } from './told-facts.ts';

interface Story {
  readonly stream: string;
  readonly family: 'B' | 'D';
  readonly version: string;
}

const STORIES: readonly Story[] = [
  { stream: '9.9-upstream-story', family: 'B', version: '9.9p2, as upstream builds it' },
  { stream: '8.4-privsep-off-story', family: 'D', version: '8.4p1 with privilege separation off' },
];

/** What the steps speak of; the rest of what spans tell is not compared here. */
const KINDS: ReadonlySet<FactKind> = new Set(
  'family whole user valid login method login-key attempt session session-exit session-end tty end survivor'.split(
    ' ',
  ) as FactKind[],
);

/** One cell a story. */
export function replayedCells(): CellResult[] {
  return STORIES.map(({ stream, family, version }) => {
    const bytes = gunzipSync(readFileSync(join(import.meta.dirname, '..', 'streams', `${stream}.ndjson.gz`)));
    const expected = storyFacts(bytes.toString('latin1'), family);
    const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: noRedaction, agentVersion: '0.0.0' });
    const spans = [...pipeline.push(bytes), ...pipeline.end()];
    const comparison = compareFacts(expected, storyTold(spans));
    return { scenario: 'story', server: family, version, producer: 'replayed', ...comparison };
  });
}

/** The connection before the first step only asked whether the server was ready. */
const connectionOf = (step: number) => `127.0.0.1#${step + 1}`;

function storyTold(spans: readonly SpanRecord[]): Fact[] {
  const told = toldFacts(spans).filter((fact) => KINDS.has(fact.kind) && fact.key.includes('#'));
  // Sessions that run at once have no order of their own: they go by their commands. Programs go by how they survived.
  const commandOf = new Map(
    toldFacts(spans).flatMap((fact) => (fact.kind === 'command' ? [[fact.key, fact.value]] : [])),
  );
  const renamed = told.map((fact) => {
    const session = / session \d+$/.exec(fact.key);
    const command = commandOf.get(fact.key);
    if (session !== null && command !== undefined && fact.key.startsWith(connectionOf(10)))
      return { ...fact, key: fact.key.replace(/ session \d+$/, ` session ${command}`) };
    return fact.kind === 'survivor' ? { ...fact, key: fact.key.replace(/ program .*$/, '') } : fact;
  });
  const seen = new Set<string>();
  return renamed.filter((fact) => {
    const name = `${fact.kind} ${fact.key}`;
    const again = fact.kind === 'survivor' && seen.has(name);
    seen.add(name);
    return !again;
  });
}

/** Facts of the `# N. …` lines. @throws Error at a step that it does not understand */
function storyFacts(text: string, family: 'B' | 'D'): Fact[] {
  const facts: Fact[] = [];
  const keys = /# keys: good (SHA256:\S+), wrong1 (SHA256:\S+)/.exec(text);
  const steps = [...text.matchAll(/^# (\d+)\. (.*) -> client exit (.*)$/gm)];
  if (keys === null || steps.length !== 15) throw new Error('the story is not whole');
  const [, good = '', wrong = ''] = keys;
  for (const [, number = '', step = '', exit = ''] of steps) {
    const key = connectionOf(Number(number));
    const say = (kind: FactKind, value: string, part = '') => facts.push({ kind, key: `${key}${part}`, value });
    say('whole', 'yes');
    sayStep(step, exit, { say, family, good, wrong });
  }
  return facts;
}

interface Step {
  readonly say: (kind: FactKind, value: string, part?: string) => void;
  readonly family: 'B' | 'D';
  readonly good: string;
  readonly wrong: string;
}

function sayStep(step: string, exit: string, { say, family, good, wrong }: Step): void {
  const scan = /^port scan: (connect, close|HTTP request)$/.exec(step);
  say('login', scan !== null || exit === '255' ? 'no' : 'yes');
  if (scan !== null) return say('end', scan[1] === 'HTTP request' ? 'protocol_error' : 'scan');
  const separated = family !== 'D';
  const user = / for mallory|user mallory/.test(step) ? 'mallory' : step.startsWith('root') ? 'root' : 'alice';
  const attempts = attemptsOf(step, separated, good, wrong);
  if (separated || attempts.length > 0) say('family', family);
  say('user', user);
  say('valid', String(user !== 'mallory'));
  for (const [index, attempt] of attempts.entries()) say('attempt', attempt, ` attempt ${index + 1}`);
  const judged = attempts.length > 0;
  if (exit === '255') return say('end', judged ? 'auth_failed' : 'no_attempt');
  const method = attempts.at(-1)?.split(' ')[0] ?? '';
  say('method', method);
  if (method === 'publickey') say('login-key', good);
  const killed = exit === 'killed';
  say('end', killed ? 'client_vanished' : 'logout');
  if (killed || step.startsWith('survivor')) say('survivor', 'true');
  const exits = exit.startsWith('[') ? (JSON.parse(exit) as number[]) : killed ? [undefined] : [Number(exit)];
  for (const code of exits) {
    const part = exits.length > 1 ? ` session sleep 0.2; exit ${code}` : ' session 1';
    say('session', step.startsWith('sftp') ? 'subsystem sftp' : 'exec', part);
    say('session-end', killed ? 'connection' : 'leader', part);
    if (code !== undefined) say('session-exit', `exit ${code}`, part);
    if (step.includes('pty forced')) say('tty', '/dev/pts/0', part);
  }
}

/** In D only the log tells: of a rejected key neither which it was nor whether it was signed with. */
function attemptsOf(step: string, separated: boolean, good: string, wrong: string): string[] {
  const words = /^(password|keyboard-interactive) for \w+, (right|wrong x3) password/.exec(step);
  if (words !== null) {
    const [, method = '', which] = words;
    return which === 'right' ? [`${method} accepted`] : Array<string>(3).fill(`${method} rejected`);
  }
  if (step.startsWith('invalid user')) return separated ? [] : ['publickey rejected'];
  const login = [`publickey query ED25519 ${good} acceptable`, `publickey ED25519 ${good} accepted`];
  if (!step.includes('one wrong ed25519 key')) return login;
  return [separated ? `publickey query ED25519 ${wrong} rejected` : 'publickey rejected', ...login];
}
