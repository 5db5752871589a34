/**
 * Keeps a producer and an agent running, joined by a pipe that it hands to both and never reads: what is in the stream
 * comes from strangers, and this process is root. All it hears of the stream are single bytes from the agent.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff, type BackoffOptions } from '../source/backoff.ts';
import { type Child, type ChildCommand, type ChildExit, startChild } from '../source/child-process.ts';
import type { AgentStatus } from './agent-status.ts';

/** A producer that may be started. */
export interface ProducerCandidate {
  readonly name: string;
  readonly command: ChildCommand;
  /** The same made anew for a start, where it depends on what runs by then. */
  readonly prepare?: (() => PreparedCommand) | undefined;
  /** Lines of its stderr that mean nothing and are not passed on. */
  readonly isHarmless?: ((line: string) => boolean) | undefined;
  /** Why it ended, by its exit status and the end of its stderr; undefined if that tells nothing known. */
  readonly explain?: ((code: number | undefined, stderr: string) => Explanation | undefined) | undefined;
}

export interface PreparedCommand {
  readonly command: ChildCommand;
  /** To be called once it is started: gives back what the command held open for it. */
  release(): void;
  /** What could not be prepared, and what that means; one clause. */
  readonly less?: string | undefined;
}

/** Why a producer ended, for people. */
export interface Explanation {
  /** One clause. */
  readonly sentence: string;
  /** Command that mends it, if one does. */
  readonly remedy?: string | undefined;
}

export interface SupervisorOptions {
  /** Best first. The next one is taken where one cannot even begin; never later. */
  readonly producers: readonly ProducerCandidate[];
  /** Its stdin is a pipe, and so is the descriptor on which it tells how the producer does. */
  readonly startAgent: () => { readonly child: Child; readonly status: AgentStatus };
  /** Exit statuses of the agent after which starting it again is of no use. */
  readonly finalAgentCodes: ReadonlySet<number>;
  readonly log: (level: 'info' | 'warn', text: string) => void;
  /** Aborted: end both, the producer first. */
  readonly stop: AbortSignal;
  /** What the agent may take to send what it has. */
  readonly flushMs: number;
  /** What a producer may take to end in good order. Default 5000. */
  readonly producerGraceMs?: number | undefined;
  /** What a producer may take to begin its stream. Default 30000. */
  readonly beginMs?: number | undefined;
  readonly backoff?: BackoffOptions | undefined;
}

/** Why the supervisor came to an end. */
export type SupervisorEnd =
  | { readonly type: 'stopped'; readonly agent: ChildExit }
  /** No producer could begin. */
  | { readonly type: 'no-producer'; readonly reason: string; readonly remedy?: string | undefined }
  /** The agent ended with a final status. */
  | { readonly type: 'agent-refused'; readonly agent: ChildExit };

const BEGIN_MS = 30_000;

/** What an agent may take, its own start included, to tell that it has read all of a producer that is gone. */
const CATCH_UP_MS = 10_000;

/** Lines of a producer's stderr that are passed on, a run. */
const MAX_STDERR_LINES = 50;

/** Runs until it is stopped, or until going on is of no use. */
export async function supervise(options: SupervisorOptions): Promise<SupervisorEnd> {
  const backoff = new Backoff(options.backoff);
  const choice = { candidates: [...options.producers], begun: false };
  for (;;) {
    const startedMs = performance.now();
    const { child, status } = options.startAgent();
    const end = await feed(child, status, choice, options);
    if (end !== undefined) return end;
    const exit = await child.exited;
    if (!exit.started || (exit.code !== undefined && options.finalAgentCodes.has(exit.code)))
      return { type: 'agent-refused', agent: exit };
    const pauseMs = backoff.pauseAfter(performance.now() - startedMs);
    options.log('warn', `the agent ${exit.reason}; what it held is lost; it is started again in ${seconds(pauseMs)}`);
    if (!(await pause(pauseMs, options.stop))) return { type: 'stopped', agent: exit };
  }
}

/** Which producers are left to try, and whether any of them has ever begun a stream. */
interface Choice {
  readonly candidates: ProducerCandidate[];
  begun: boolean;
}

type Happening =
  | { readonly type: 'exited'; readonly exit: ChildExit }
  | { readonly type: 'agent-exited' | 'stop' | 'stalled' | 'no-begin' };

/** Lets producers write to one agent, one after the other. Undefined: the agent has ended. */
async function feed(
  agent: Child,
  status: AgentStatus,
  choice: Choice,
  options: SupervisorOptions,
): Promise<SupervisorEnd | undefined> {
  const backoff = new Backoff(options.backoff);
  const graceMs = options.producerGraceMs ?? 5_000;
  const beginMs = options.beginMs ?? BEGIN_MS;
  const gone = new AbortController();
  void agent.exited.then(() => gone.abort());
  // Writing to an agent that is gone is no fault of ours; its exit tells.
  agent.stdin?.on('error', () => undefined);
  for (;;) {
    const [candidate] = choice.candidates;
    if (candidate === undefined) return { type: 'no-producer', reason: 'there is none' };
    if (agent.stdin === undefined) return undefined;
    const startedMs = performance.now();
    status.reset();
    const producer = startProducer(candidate, agent.stdin, options.log);
    const happening = await nextHappening(producer, agent, status, options.stop, beginMs);

    if (happening.type === 'stop') return { type: 'stopped', agent: await endBoth(producer, agent, graceMs, options) };
    if (happening.type === 'agent-exited') {
      await producer.stop('SIGTERM', graceMs);
      return undefined;
    }
    const exit = happening.type === 'exited' ? happening.exit : await producer.stop('SIGTERM', graceMs);
    const { sentence, remedy } = whyItEnded(candidate, happening, exit, producer.stderrTail(), beginMs);
    // Ends a line that it could not finish, which must not swallow the next producer's first record; then an empty one.
    agent.stdin.write('\n\n');

    // It may have begun and died before the agent has read of it.
    if (!choice.begun) await firstOf([status.caughtUp, agent.exited, aborted(options.stop, gone.signal)], CATCH_UP_MS);
    if (status.ready) choice.begun = true;
    // An agent that is gone can't have told, which is no fault of the producer's.
    if (gone.signal.aborted) return undefined;
    if (!choice.begun) {
      choice.candidates.shift();
      const [next] = choice.candidates;
      if (next === undefined) {
        agent.stdin.end();
        await endAgent(agent, options.flushMs);
        return { type: 'no-producer', reason: sentence, remedy };
      }
      options.log('warn', `${sentence}; ${next.name} is used instead`);
      continue;
    }
    const pauseMs = backoff.pauseAfter(performance.now() - startedMs);
    options.log('warn', `${sentence}; it is started again in ${seconds(pauseMs)}, what happens meanwhile is not seen`);
    if (await pause(pauseMs, AbortSignal.any([options.stop, gone.signal]))) continue;
    if (!options.stop.aborted) return undefined;
    agent.stdin.end();
    return { type: 'stopped', agent: await endAgent(agent, options.flushMs) };
  }
}

function startProducer(
  candidate: ProducerCandidate,
  stdout: NonNullable<Child['stdin']>,
  log: SupervisorOptions['log'],
): Child {
  let lines = 0;
  const prepared = candidate.prepare?.();
  if (prepared?.less !== undefined) log('warn', prepared.less);
  const child = startChild({
    ...(prepared?.command ?? candidate.command),
    stdout,
    // Ctrl-C is for us: a producer that died of it on its own could not say goodbye in order.
    detached: true,
    onStderrLine(line) {
      if (line.trim() === '' || candidate.isHarmless?.(line) === true) return;
      lines++;
      if (lines <= MAX_STDERR_LINES) log('info', `${candidate.name}: ${line}`);
      if (lines === MAX_STDERR_LINES) log('warn', `${candidate.name} says more, which is left out`);
    },
  });
  prepared?.release();
  return child;
}

async function nextHappening(
  producer: Child,
  agent: Child,
  status: AgentStatus,
  stop: AbortSignal,
  beginMs: number,
): Promise<Happening> {
  const over = new AbortController();
  try {
    return await Promise.race<Happening>([
      agent.exited.then(() => ({ type: 'agent-exited' })),
      producer.exited.then((exit) => ({ type: 'exited', exit })),
      aborted(stop, over.signal).then(() => ({ type: 'stop' })),
      status.stalled.then(() => ({ type: 'stalled' })),
      sleep(beginMs, undefined, { signal: over.signal }).then(
        () => (status.ready ? new Promise<Happening>(() => undefined) : { type: 'no-begin' }),
        () => new Promise<Happening>(() => undefined),
      ),
    ]);
  } finally {
    over.abort();
  }
}

function whyItEnded(
  candidate: ProducerCandidate,
  happening: Happening,
  exit: ChildExit,
  stderr: string,
  beginMs: number,
): Explanation {
  const { name, explain, isHarmless } = candidate;
  if (happening.type === 'stalled') return { sentence: `${name} has stalled and was ended (${exit.reason})` };
  if (happening.type === 'no-begin')
    return { sentence: `${name} has not begun its stream within ${seconds(beginMs)} and was ended (${exit.reason})` };
  const known = explain?.(exit.code, stderr);
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && isHarmless?.(line) !== true);
  const why = known?.sentence ?? lines.at(-1) ?? '';
  return { sentence: `${name} ${exit.reason}${why === '' ? '' : `: ${why}`}`, remedy: known?.remedy };
}

/** The producer first, so that its last records arrive; then the agent, which sends what it has. */
async function endBoth(producer: Child, agent: Child, graceMs: number, options: SupervisorOptions): Promise<ChildExit> {
  const exit = await producer.stop('SIGTERM', graceMs);
  if (exit.signal === 'SIGKILL')
    options.log('warn', 'the producer did not end in time and was killed: its last records are missing');
  agent.stdin?.end();
  return endAgent(agent, options.flushMs);
}

/** The stream to the agent has been ended: it flushes. */
async function endAgent(agent: Child, flushMs: number): Promise<ChildExit> {
  const patience = new AbortController();
  const late = sleep(flushMs + 2_000, true, { signal: patience.signal }).catch(() => false);
  const inTime = agent.exited.then(() => false);
  if (await Promise.race([inTime, late])) return agent.stop('SIGTERM', 1_000);
  patience.abort();
  return agent.exited;
}

/** Waits for whichever is first, but not longer than `ms`. */
async function firstOf(promises: readonly Promise<unknown>[], ms: number): Promise<void> {
  const patience = new AbortController();
  await Promise.race([...promises, sleep(ms, undefined, { signal: patience.signal }).catch(() => undefined)]);
  patience.abort();
}

/** False: aborted meanwhile. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal }).catch(() => false);
}

/** Resolves when `signal` is aborted; never, once `over` is. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true, signal: over });
  });
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
