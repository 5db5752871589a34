/** The agent's loop: a stream comes in, spans go out, and whoever has to know is told how it goes. */
import { writeSync } from 'node:fs';
import { UnsupportedVersionError } from '../decode/decode-error.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Source } from '../source/source.ts';
import { STATUS } from '../supervise/agent-status.ts';
import { ServiceManager } from '../supervise/service-manager.ts';
import { type CommandContext, CommandFailure } from './command.ts';
import { EmptyLines } from './empty-lines.ts';
import { EXIT } from './exit-codes.ts';
import { GrowthWatch } from './growth-watch.ts';
import { healthOf } from './health-report.ts';
import { HealthSocket } from './health-socket.ts';
import type { Log } from './log.ts';
import { writeRunning } from './run-state.ts';
import type { SpanOutput } from './span-output.ts';
import { notExact } from './stream-faults.ts';
import { StreamProgress } from './stream-progress.ts';
import type { StreamTee } from './stream-tee.ts';
import { STALL_MS, StreamWatch } from './stream-watch.ts';

export interface AgentStream {
  readonly source: Source;
  readonly pipeline: Pipeline;
  readonly output: SpanOutput;
  readonly tee: StreamTee | undefined;
  /** The recording is all that is wanted: without it there is nothing to go on for. */
  readonly onlyTee: boolean;
  /** Where the agent keeps its things; absent: nowhere. */
  readonly folder: string | undefined;
  readonly log: Log;
  readonly context: Pick<CommandContext, 'env' | 'stop'>;
  /** The operator asked for exact mode. */
  readonly exact: boolean;
  /** Where the supervisor listens; absent: there is none. */
  readonly statusFd: number | undefined;
}

/**
 * Reads until the stream is over, or we are told to stop.
 * @returns why it cannot be read further, if that ended it: then the pipeline is of no use any more
 */
export async function readStream(stream: AgentStream): Promise<CommandFailure | undefined> {
  const { source, pipeline, output, tee, folder, log, context, statusFd } = stream;
  const watch = new StreamWatch();
  const timer = setInterval(() => {
    if (!watch.check(performance.now())) return;
    log('warn', `no clock record from the producer for ${STALL_MS / 1000} s: what happens now is not seen`);
    tell(statusFd, STATUS.stalled);
  }, 1000);
  const progress = new StreamProgress();
  const manager = new ServiceManager(context.env, (reason) =>
    log('warn', `the service manager is not told: ${reason}`),
  );
  const beat = every(manager.beatMs, () => manager.beat(progress.proven(), statusLine(pipeline)));
  const report = () => healthOf(pipeline, watch.state, output.exported);
  const health = folder === undefined ? undefined : new HealthSocket(folder, report, log);
  health?.listen();
  const close = (): void => source.close();
  context.stop.addEventListener('abort', close);
  // It may have come while we were still beginning.
  if (context.stop.aborted) close();
  const losses = new GrowthWatch(10_000, (more) =>
    log('warn', `${more} records were lost before they were read: what they told of is missing`),
  );
  const floods = new GrowthWatch(60_000, (more) =>
    log(
      'warn',
      `${more} connections that never authenticated are told by a summary only: more than limits.unauthenticatedPerSource or limits.unauthenticatedPerMinute`,
    ),
  );
  const gaps = new EmptyLines();
  /** Producers that have been announced. */
  let told = 0;
  let drawn = 0;
  try {
    for await (const chunk of source.chunks) {
      // Two newlines alone are the supervisor's, behind a producer that is gone.
      if (chunk.length > 2) progress.took();
      await tee?.push(chunk);
      if (stream.onlyTee && tee?.failed === true) break;
      const spans = pipeline.push(chunk);
      output.accept(spans, pipeline.resource, pipeline.counters.held);
      for (; drawn < output.drawn; drawn++) tell(statusFd, STATUS.drawn);
      const { clocks, hellos, announcedLost, summarized } = pipeline.counters;
      losses.seen(announcedLost, performance.now());
      floods.seen(summarized.connections, performance.now());
      progress.made(clocks);
      if (watch.seen(clocks, performance.now())) log('info', 'the producer is alive again');
      if (pipeline.tracing && hellos !== told) {
        told = hellos;
        if (folder !== undefined && output.exported !== undefined)
          writeRunning(folder, pipeline.producer?.bootId ?? '', log);
        tell(statusFd, STATUS.ready);
        void manager.ready(statusLine(pipeline));
        const { producer, producerVersion } = pipeline.producer ?? {};
        log('info', `${producer} ${producerVersion} traces; waiting for connections`);
        const less = notExact(stream.exact, pipeline.producer);
        if (less !== undefined) log('warn', less);
      }
      if (gaps.push(chunk)) tell(statusFd, STATUS.caughtUp);
    }
  } catch (error) {
    if (!(error instanceof UnsupportedVersionError)) throw error;
    return new CommandFailure(EXIT.input, error.message);
  } finally {
    clearInterval(timer);
    clearInterval(beat);
    health?.close();
    context.stop.removeEventListener('abort', close);
  }
  return undefined;
}

function every(ms: number | undefined, what: () => unknown): NodeJS.Timeout | undefined {
  return ms === undefined ? undefined : setInterval(what, ms);
}

/** For `systemctl status`. */
function statusLine({ counters, tracing }: Pipeline): string {
  const { openConnections, spans } = counters;
  return `${tracing ? 'traces' : 'waits for the producer'}; ${openConnections} connections open, ${spans} spans made`;
}

function tell(statusFd: number | undefined, status: string): void {
  if (statusFd === undefined) return;
  try {
    writeSync(statusFd, status);
  } catch {
    // The supervisor is gone; our own end follows.
  }
}
