/** A real OpenTelemetry Collector between an export and the checking sink; `make verify-collector` builds it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, type ChildOutput, runChild, startChild } from '../../../agent/source/child-process.ts';
import type { SinkSpan } from '../../helpers/otlp-decode.ts';
import { OtlpSink } from '../../helpers/otlp-sink.ts';

export const OTELCOL = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel/collector/otelcol');
const READY_MS = 20_000;

/** Why no Collector can be started here; undefined: it can. */
export function whyNoCollector(): string | undefined {
  return existsSync(OTELCOL) ? undefined : 'no OpenTelemetry Collector: make verify-collector builds one';
}

export function otelcol(...args: readonly string[]): Promise<ChildOutput> {
  return runChild({ command: OTELCOL, args }, READY_MS);
}

/** Settings of its receiver that are not the defaults, for instance `max_request_body_size`, `tls`. */
export type ReceiverSettings = Readonly<Record<string, unknown>>;

/**
 * Answers only when the sink has answered: it keeps nothing to itself that could be lost with it. Decodes what it gets and
 * encodes it again, as protobuf.
 */
export class Collector {
  readonly sink: OtlpSink;
  readonly #folder: string;
  readonly #scheme: string;
  readonly #port: number;
  /** Where it tells its own figures. */
  readonly #figuresPort: number;
  #child: Child | undefined;
  /** Spans that its debug exporter counted, in all its lives. */
  counted = 0;
  readonly log: string[] = [];

  private constructor(sink: OtlpSink, folder: string, scheme: string, port: number, figuresPort: number) {
    this.#figuresPort = figuresPort;
    this.sink = sink;
    this.#folder = folder;
    this.#scheme = scheme;
    this.#port = port;
  }

  static async start(settings: ReceiverSettings = {}): Promise<Collector> {
    const sink = await OtlpSink.start();
    const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-collector-'));
    const port = await freePort();
    const figuresPort = await freePort();
    const scheme = Object.hasOwn(settings, 'tls') ? 'https' : 'http';
    const collector = new Collector(sink, folder, scheme, port, figuresPort);
    writeFileSync(join(folder, 'config.yaml'), JSON.stringify(configOf(port, figuresPort, sink.endpoint, settings)));
    try {
      await collector.listen();
      return collector;
    } catch (error) {
      await collector.close();
      throw error;
    }
  }

  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.endpoint}/v1/traces`;
  }

  get kept(): readonly SinkSpan[] {
    return this.sink.kept;
  }

  /** Starts it, again on the same port. @throws Error with what it said, if it does not get ready */
  async listen(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const child = startChild({
      command: OTELCOL,
      args: ['--config', join(this.#folder, 'config.yaml')],
      stdout: 'ignore',
      onStderrLine: (line) => {
        this.log.push(line);
        if (line.includes('Everything is ready')) ready.resolve();
        this.counted += Number(/\bTraces\b.*"spans": (\d+)/.exec(line)?.[1] ?? 0);
      },
    });
    this.#child = child;
    const timer = setTimeout(() => ready.reject(new Error(`not ready after ${READY_MS} ms`)), READY_MS);
    void child.exited.then(({ reason }) => ready.reject(new Error(`the Collector ${reason}: ${child.stderrTail()}`)));
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Spans by its own metrics: what its receiver took and refused, and its exporter to the sink sent and failed to send. */
  async spanCounts(): Promise<{ accepted: number; refused: number; sent: number; failed: number }> {
    const response = await fetch(`http://127.0.0.1:${this.#figuresPort}/metrics`);
    const lines = (await response.text()).split('\n');
    const count = (name: string, of: string) =>
      lines
        .filter((line) => line.startsWith(name) && line.includes(of))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    return {
      accepted: count('otelcol_receiver_accepted_spans', 'receiver="otlp"'),
      refused: count('otelcol_receiver_refused_spans', 'receiver="otlp"'),
      sent: count('otelcol_exporter_sent_spans', 'exporter="otlp_http"'),
      failed: count('otelcol_exporter_send_failed_spans', 'exporter="otlp_http"'),
    };
  }

  /** Kills it (-9): what it does is cut short. */
  async refuse(): Promise<void> {
    await this.#child?.stop('SIGKILL', 0);
  }

  async close(): Promise<void> {
    await this.#child?.stop('SIGTERM', 5_000);
    await this.sink.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configOf(port: number, figuresPort: number, sink: string, settings: ReceiverSettings): unknown {
  const figures = { host: '127.0.0.1', port: figuresPort };
  const pipeline = { receivers: ['otlp'], exporters: ['debug', 'otlp_http'] };
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}`, ...settings } } } },
    exporters: {
      debug: { verbosity: 'basic' },
      otlp_http: {
        endpoint: sink,
        compression: 'none',
        sending_queue: { enabled: false },
        retry_on_failure: { enabled: false },
      },
    },
    service: {
      telemetry: { metrics: { level: 'basic', readers: [{ pull: { exporter: { prometheus: figures } } }] } },
      pipelines: { traces: pipeline, metrics: pipeline },
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
