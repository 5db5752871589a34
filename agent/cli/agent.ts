import { closeSync, readFileSync } from 'node:fs';
import type { Flags } from '../config/flags.ts';
import { OPTIONS, TEE_CHOICES } from '../config/options.ts';
import { printConfig } from '../config/print-config.ts';
import { VERSION } from '../config/version.ts';
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
import { AgentMetrics } from './agent-metrics.ts';
import { readStream } from './agent-stream.ts';
import { type Command, type CommandContext, CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { exportedLine } from './exported.ts';
import { HOST_KEY_BYTES, hostKeyOption, loadHostKey } from './host-key.ts';
import { LiveSettings } from './live-settings.ts';
import { createLog, type Log } from './log.ts';
import { becomeUser, requireUnprivileged } from './privileges.ts';
import { takeEarlierRun, writeEnded } from './run-state.ts';
import { loadSettings, spanLimitsOf, spoolOf } from './settings.ts';
import { SpanOutput } from './span-output.ts';
import { leftOut, streamFaults, summarized } from './stream-faults.ts';
import { StreamTee } from './stream-tee.ts';

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
  const failure = await readStream({
    ...{ source, pipeline, output, tee, onlyTee, folder, log, context },
    exact: config.get('exact'),
    statusFd: flags.integer('status-fd'),
  });
  // After a failure it is of no use any more: what is open is told by the next agent, as after a crash.
  if (failure === undefined) {
    if (folder !== undefined && exporting.enabled) suspend(pipeline, output, folder, earlier, log);
    else output.accept(pipeline.end(), pipeline.resource);
  }
  unwatch();
  await tee?.end();
  const result = await output.finish(config.get('flushSeconds') * 1000);
  await metrics.finish(METRICS_FLUSH_MS);
  for (const each of [leftOut(pipeline), summarized(pipeline)]) if (each !== undefined) log('info', each);
  for (const fault of streamFaults(pipeline)) log('warn', fault);
  if (exporting.enabled) log('info', exportedLine(result.exported, exporting, pipeline.resource));
  if (failure !== undefined) throw failure;
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
