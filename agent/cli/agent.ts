import { closeSync, readFileSync, writeSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { OPTIONS, TEE_CHOICES } from '../config/options.ts';
import { printConfig } from '../config/print-config.ts';
import { VERSION } from '../config/version.ts';
import { UnsupportedVersionError } from '../decode/decode-error.ts';
import { preloadMetricSender } from '../export/metric-sender.ts';
import { preloadTransport } from '../export/transport.ts';
import { Pipeline } from '../pipeline.ts';
import { RedactedRecording } from '../redacted-recording.ts';
import { pacedChunks } from '../source/paced.ts';
import { readableSource } from '../source/readable-source.ts';
import { socketSource } from '../source/socket-source.ts';
import type { Source } from '../source/source.ts';
import type { EarlierRun } from '../span/earlier-run.ts';
import type { Redactor } from '../span/redactor.ts';
import { STATUS } from '../supervise/agent-status.ts';
import { ServiceManager } from '../supervise/service-manager.ts';
import { AgentMetrics } from './agent-metrics.ts';
import { type Command, type CommandContext, CommandFailure } from './command.ts';
import { EmptyLines } from './empty-lines.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { exportedLine } from './exported.ts';
import { GrowthWatch } from './growth-watch.ts';
import { healthOf } from './health-report.ts';
import { HealthSocket } from './health-socket.ts';
import { HOST_KEY_BYTES, hostKeyOption, loadHostKey } from './host-key.ts';
import { LiveSettings } from './live-settings.ts';
import { createLog, type Log } from './log.ts';
import { becomeUser, requireUnprivileged } from './privileges.ts';
import { takeEarlierRun, writeEnded, writeRunning } from './run-state.ts';
import { loadSettings, spanLimitsOf, spoolOf } from './settings.ts';
import { SpanOutput } from './span-output.ts';
import { leftOut, notExact, streamFaults, summarized } from './stream-faults.ts';
import { StreamProgress } from './stream-progress.ts';
import { StreamTee } from './stream-tee.ts';
import { STALL_MS, StreamWatch } from './stream-watch.ts';

/** Metrics are said once more at the end, which must not hold it up. */
const METRICS_FLUSH_MS = 2_000;

export const agent: Command = {
  name: 'agent',
  summary: 'make traces from the event stream of a producer; the unprivileged half of run',
  description:
    'Reads an event stream from standard input, or from a producer that listens on a unix socket, and draws or exports ' +
    'the traces in it. It needs no right at all: under systemd and Kubernetes it runs as its own unit or container.',
  positionals: [],
  options: [
    OPTIONS.config,
    OPTIONS.printConfig,
    OPTIONS.socket,
    OPTIONS.headersFile,
    OPTIONS.stateDir,
    OPTIONS.draw,
    OPTIONS.ids,
    OPTIONS.exact,
    OPTIONS.listener,
    OPTIONS.redaction,
    OPTIONS.unauthenticatedPerSource,
    OPTIONS.flushSeconds,
    OPTIONS.keyFd,
    OPTIONS.agentDir,
    OPTIONS.teeFd,
    OPTIONS.teeForm,
    OPTIONS.onlyTee,
    OPTIONS.statusFd,
    OPTIONS.uid,
    OPTIONS.gid,
    OPTIONS.unprivileged,
  ],
  examples: [
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 sshd-otel agent --socket /run/sshd-otel/producer.sock',
      'exports what the producer behind the socket sees',
    ],
  ],
  run: runAgent,
};

async function runAgent(flags: Flags, context: CommandContext): Promise<ExitCode> {
  const log = createLog(context);
  const onlyTee = flags.flag('only-tee');
  const settings = new LiveSettings(() => loadSettings(flags, context.env), log);
  const { config, exporting: wanted } = settings.current;
  if (flags.flag('print-config')) {
    context.stdout.write(printConfig(config));
    return EXIT.ok;
  }
  if (wanted.enabled) await preloadTransport(wanted);
  await preloadMetricSender(settings.current.metrics.otlp);
  giveUpPrivileges(flags);
  const folder = agentFolder(flags, config.get('stateDir'));
  const exporting = { ...wanted, enabled: wanted.enabled && !onlyTee, spool: spoolOf(config, folder) };
  const metrics = new AgentMetrics(settings.current, log);
  const earlier = folder === undefined || !exporting.enabled ? undefined : takeEarlierRun(folder, log);
  const pipeline = new Pipeline({
    hostKey: onlyTee ? hostKeyOption(undefined) : hostKeyOf(flags, config.get('stateDir')),
    redactor: settings.redactor,
    exclusion: settings.exclusion,
    earlier,
    agentVersion: VERSION,
    listenerPid: config.get('listener'),
    ...spanLimitsOf(config),
    onTold: onlyTee ? undefined : metrics.onTold,
  });
  const draw = !onlyTee && (config.get('draw') ?? !exporting.enabled);
  const output = new SpanOutput({ draw, ids: flags.flag('ids'), export: exporting }, context, log);
  settings.onChange = (changed) => {
    output.reconfigure(changed.exporting);
    metrics.reconfigure(changed);
  };
  context.onHangup?.(() => settings.reload());
  const unwatch = settings.watch();
  if (!onlyTee) await metrics.start(pipeline, output);
  const tee = openTee(flags, settings.redactor, log);
  const source = openSource(flags, context, log);
  await readStream(flags, context, log, source, pipeline, output, tee, folder, config.get('exact'));
  if (folder !== undefined && exporting.enabled) suspend(pipeline, output, folder, earlier, log);
  else output.accept(pipeline.end(), pipeline.resource);
  unwatch();
  await tee?.end();
  const result = await output.finish(config.get('flushSeconds') * 1000);
  await metrics.finish(METRICS_FLUSH_MS);
  for (const each of [leftOut(pipeline), summarized(pipeline)]) if (each !== undefined) log('info', each);
  for (const fault of streamFaults(pipeline)) log('warn', fault);
  if (exporting.enabled) log('info', exportedLine(result.exported, exporting, pipeline.resource));
  if (tee?.failed === true && onlyTee) return EXIT.rights;
  return result.complete ? EXIT.ok : EXIT.collector;
}

/** What is open goes on in the next agent. */
function suspend(
  pipeline: Pipeline,
  output: SpanOutput,
  folder: string,
  earlier: EarlierRun | undefined,
  log: Log,
): void {
  const { spans, state } = pipeline.suspend();
  output.accept(spans, pipeline.resource);
  // Nothing was seen: what an earlier agent left is still as it was.
  if (state === undefined && earlier?.saved !== undefined) writeEnded(folder, earlier.saved, log);
  if (state === undefined) return;
  writeEnded(folder, state, log);
  if (state.runs.length > 0) log('info', `${state.runs.length} connections are open: the next start goes on with them`);
}

/** Where the agent may keep what it must not lose; undefined: nowhere. By itself it owns the state directory. */
function agentFolder(flags: Flags, stateDir: string): string | undefined {
  return flags.text('agent-dir') ?? (flags.integer('key-fd') === undefined ? stateDir : undefined);
}

function openTee(flags: Flags, redactor: Redactor, log: Log): StreamTee | undefined {
  const fd = flags.integer('tee-fd');
  if (fd === undefined) return undefined;
  const redacted = flags.choice('tee-form', TEE_CHOICES) === 'redacted';
  return new StreamTee(fd, redacted ? new RedactedRecording(redactor) : undefined, log);
}

/** Before anything of a stranger's is read. */
function giveUpPrivileges(flags: Flags): void {
  const uid = flags.integer('uid');
  if (uid !== undefined) becomeUser(uid, flags.integer('gid') ?? uid);
  if (flags.flag('unprivileged')) requireUnprivileged();
}

function hostKeyOf(flags: Flags, stateDir: string): Uint8Array {
  const fd = flags.integer('key-fd');
  if (fd === undefined) return loadHostKey(stateDir);
  const key = readFileSync(fd);
  closeSync(fd);
  if (key.length !== HOST_KEY_BYTES) throw new CommandFailure(EXIT.usage, `descriptor ${fd} holds no host key`);
  return key;
}

function openSource(flags: Flags, context: CommandContext, log: Log): Source {
  const path = flags.text('socket');
  if (path === undefined) return readableSource(context.stdin, 'standard input', pacedChunks);
  return socketSource(path, { onState: (connected, reason) => log(connected ? 'info' : 'warn', reason) });
}

/** Until the stream is over, or we are told to stop. */
async function readStream(
  flags: Flags,
  context: CommandContext,
  log: Log,
  source: Source,
  pipeline: Pipeline,
  output: SpanOutput,
  tee: StreamTee | undefined,
  folder: string | undefined,
  exact: boolean,
): Promise<void> {
  const statusFd = flags.integer('status-fd');
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
        const less = notExact(exact, pipeline.producer);
        if (less !== undefined) log('warn', less);
      }
      if (gaps.push(chunk)) tell(statusFd, STATUS.caughtUp);
    }
  } catch (error) {
    if (error instanceof UnsupportedVersionError) throw new CommandFailure(EXIT.input, error.message);
    throw error;
  } finally {
    clearInterval(timer);
    clearInterval(beat);
    health?.close();
    context.stop.removeEventListener('abort', close);
  }
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
