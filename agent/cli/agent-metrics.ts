import { MetricExport } from '../export/metric-export.ts';
import { SessionMetrics } from '../metrics/session-metrics.ts';
import type { Pipeline } from '../pipeline.ts';
import type { SessionEvent } from '../sshd/session-event.ts';
import { agentFigures } from './agent-figures.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';
import type { SpanOutput } from './span-output.ts';

/** Metrics of a running agent. Off, it does nothing. */
export class AgentMetrics {
  readonly #sessions = new SessionMetrics();
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #on: boolean;
  #export: MetricExport | undefined;

  constructor(settings: Settings, log: Log) {
    const { otlp, prometheusPort } = settings.metrics;
    this.#settings = settings;
    this.#log = log;
    this.#on = otlp !== undefined || prometheusPort !== undefined;
  }

  /** For the pipeline; absent: nobody wants to know. */
  get onTold(): ((event: SessionEvent) => void) | undefined {
    if (!this.#on) return undefined;
    return (event) => {
      for (const each of this.#sessions.apply(event)) this.#export?.record(each);
    };
  }

  /** Before the first byte of the stream. */
  async start(pipeline: Pipeline, output: SpanOutput): Promise<void> {
    if (!this.#on) return;
    const { metrics, exporting } = this.#settings;
    const observe = () => [...this.#sessions.levels(), ...agentFigures(pipeline.counters, output.exported)];
    this.#export = new MetricExport(metrics, exporting, observe, () => pipeline.resource, this.#log);
    await this.#export.start();
  }

  /** Sends by other settings from now on. */
  reconfigure({ metrics }: Settings): void {
    this.#export?.reconfigure(metrics);
  }

  /** Says all once more. */
  async finish(deadlineMs: number): Promise<void> {
    await this.#export?.shutdown(deadlineMs);
  }
}
