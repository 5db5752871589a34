import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import { printConfig } from '../config/print-config.ts';
import { VERSION } from '../config/version.ts';
import { UnsupportedVersionError } from '../decode/decode-error.ts';
import { Pipeline } from '../pipeline.ts';
import { openRecording } from '../source/recording.ts';
import { Exclusion } from '../span/exclusion.ts';
import type { Command, CommandContext } from './command.ts';
import { CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { exportedLine } from './exported.ts';
import { hostKeyOption } from './host-key.ts';
import { createLog } from './log.ts';
import { exclusionOf, loadSettings, redactorOf, spanLimitsOf } from './settings.ts';
import { SpanOutput } from './span-output.ts';
import { leftOut, streamFaults, summarized } from './stream-faults.ts';

export const replay: Command = {
  name: 'replay',
  summary: 'make traces from a recorded event stream; needs no root and no tracing',
  description:
    'Reads a recording (plain or gzip) and draws its traces, or exports them if a collector is configured. ' +
    'The same recording under the same key gives the same spans, byte for byte.',
  positionals: [{ name: 'FILE', help: 'the recording; - is standard input' }],
  options: [
    OPTIONS.config,
    OPTIONS.printConfig,
    OPTIONS.key,
    OPTIONS.draw,
    OPTIONS.ids,
    OPTIONS.listener,
    OPTIONS.redaction,
    OPTIONS.unauthenticatedPerSource,
    { ...OPTIONS.flushSeconds, fallback: '60' },
  ],
  examples: [
    ['sshd-otel replay logins.ndjson', 'draws every trace of the recording'],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 sshd-otel replay --key /var/lib/sshd-otel/host.key logins.ndjson',
      'exports them under the ids that this host gave them',
    ],
  ],
  run: runReplay,
};

async function runReplay(flags: Flags, context: CommandContext): Promise<ExitCode> {
  const log = createLog(context);
  const { config, exporting, warnings } = loadSettings(flags, context.env, undefined);
  if (flags.flag('print-config')) {
    context.stdout.write(printConfig(config));
    return EXIT.ok;
  }
  for (const warning of warnings) log('warn', warning);
  const [path = '-'] = flags.positionals;
  const pipeline = new Pipeline({
    hostKey: hostKeyOption(flags.text('key')),
    redactor: redactorOf(config),
    exclusion: new Exclusion(exclusionOf(config)),
    agentVersion: VERSION,
    listenerPid: config.get('listener'),
    ...spanLimitsOf(config),
  });
  const draw = config.get('draw') ?? !exporting.enabled;
  const output = new SpanOutput({ draw, ids: flags.flag('ids'), export: exporting }, context, log);
  const source = openRecording(path, context.stdin);
  context.stop.addEventListener('abort', () => source.close());
  let failure: CommandFailure | undefined;
  try {
    for await (const chunk of source.chunks) {
      output.accept(pipeline.push(chunk), pipeline.resource);
      await output.room();
      if (output.abandoned || context.stop.aborted) source.close();
    }
  } catch (error) {
    if (!(error instanceof UnsupportedVersionError)) throw error;
    failure = new CommandFailure(EXIT.input, error.message);
  }
  // After a failure it is of no use any more; what it told before goes out all the same.
  if (failure === undefined) output.accept(pipeline.end(), pipeline.resource);
  const result = await output.finish((flags.integer('flush-seconds') ?? 60) * 1000);
  if (failure !== undefined) throw failure;
  if (output.abandoned || context.stop.aborted) return EXIT.ok;

  const end = await source.ended;
  if (!end.complete) log('warn', end.reason);
  for (const each of [leftOut(pipeline), summarized(pipeline)]) if (each !== undefined) log('info', each);
  for (const fault of streamFaults(pipeline)) log('warn', fault);
  if (exporting.enabled) log('info', exportedLine(result.exported, exporting, pipeline.resource));
  if (pipeline.counters.hellos === 0) {
    if (end.complete) throw new CommandFailure(EXIT.input, `${path} holds no event stream`);
    throw new CommandFailure(EXIT.input, end.reason);
  }
  if (!end.complete) return EXIT.input;
  return result.complete ? EXIT.ok : EXIT.collector;
}
