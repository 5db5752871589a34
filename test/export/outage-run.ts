/**
 * A collector that is away while a real agent, in its own process, reads a recorded stream multiplied to a rate of spans,
 * and is killed (-9) meanwhile. What should have arrived is told by the same stages in this process, fed with the same bytes.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VERSION } from '../../agent/config/version.ts';
import { Pipeline } from '../../agent/pipeline.ts';
import { type Child, startChild } from '../../agent/source/child-process.ts';
import { EarlierRun } from '../../agent/span/earlier-run.ts';
import { createRedactor } from '../../agent/span/redact/redactor.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { StreamMultiplier } from '../bench/stream-multiplier.ts';
import { LogLines } from '../helpers/export-fixtures.ts';
import type { SinkSpan } from '../helpers/otlp-decode.ts';
import { OtlpSink } from '../helpers/otlp-sink.ts';
import { loadStream } from '../helpers/streams.ts';

const MAIN = new URL('../../agent/main.ts', import.meta.url).pathname;
const TICK_MS = 20;
/** After the last write the agent has read all when it stands still for so long. */
const SETTLE_MS = 700;

export interface OutagePlan {
  readonly outageMs: number;
  readonly spansPerSecond: number;
  readonly kills: number;
  /** How long nobody reads after a kill. */
  readonly deadMs: number;
}

/** What is away for a while. */
export interface OutageTarget {
  readonly url: string;
  /** Spans that arrived, doubles included. */
  readonly kept: readonly SinkSpan[];
  refuse(): Promise<void>;
  /** Back where it was. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

export interface OutageResult {
  /** Spans that the agents told, by the stages in this process: their ends had been read and they were due. */
  readonly told: readonly SpanRecord[];
  readonly delivered: readonly SinkSpan[];
  /** Finished spans that were held back at each kill, and the same as the next agent announced them. */
  readonly held: readonly number[];
  readonly heldAnnounced: readonly number[];
  /** Records that nobody read while the agent was dead, and the same as the agents announced them. */
  readonly unread: readonly number[];
  readonly unreadAnnounced: readonly number[];
  /** What each agent took, sampled each second. */
  readonly rssBytes: readonly (readonly number[])[];
  readonly spoolBytesAtMost: number;
  readonly exitCode: number | undefined;
  readonly log: readonly string[];
  /** Of the sink: what a back end would not take. */
  readonly spoolLeft: readonly string[];
}

/** @param target default: the checking sink; closed at the end */
export async function runOutage(plan: OutagePlan, target?: OutageTarget): Promise<OutageResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-outage-'));
  const sink = target ?? (await OtlpSink.start());
  try {
    return await new OutageRun(plan, folder, sink).run();
  } finally {
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class OutageRun {
  readonly #plan: OutagePlan;
  readonly #folder: string;
  readonly #sink: OutageTarget;
  readonly #stream = new StreamMultiplier(loadStream('9.2-debian-story'));
  readonly #logs = new LogLines();
  readonly #rss: number[][] = [];
  readonly #lives: Buffer[][] = [];
  readonly #unread: number[] = [];
  #child: Child | undefined;
  #spoolBytes = 0;
  #lines: string[] = [];
  #copy = 0;
  #lastTs = '0';

  constructor(plan: OutagePlan, folder: string, sink: OutageTarget) {
    this.#plan = plan;
    this.#folder = folder;
    this.#sink = sink;
  }

  async run(): Promise<OutageResult> {
    const { outageMs, kills, deadMs } = this.#plan;
    const sampler = setInterval(() => this.#sample(), 1000);
    try {
      this.#start();
      await this.#feed(2000);
      await this.#sink.refuse();
      const partMs = Math.max(1000, (outageMs - kills * deadMs) / (kills + 1));
      for (let kill = 0; kill < kills; kill++) {
        await this.#feed(partMs);
        await this.#kill();
        await this.#skip(deadMs);
        this.#start();
      }
      await this.#feed(partMs);
      await this.#sink.listen();
      await this.#feed(2000);
      await this.#finish();
    } finally {
      clearInterval(sampler);
      await this.#child?.stop('SIGKILL', 0);
    }
    const exit = await this.#child?.exited;
    const { told, held } = this.#reference();
    const numbers = (pattern: RegExp): number[] =>
      this.#logs.lines.flatMap((line) => {
        const match = pattern.exec(line);
        return match === null ? [] : [Number(match[1])];
      });
    return {
      told,
      delivered: this.#sink.kept,
      held,
      heldAnnounced: numbers(/killed: (\d+) finished spans that it held back are lost/),
      unread: this.#unread,
      unreadAnnounced: numbers(/ (\d+) records were lost before they were read/),
      rssBytes: this.#rss,
      spoolBytesAtMost: this.#spoolBytes,
      exitCode: exit?.code,
      log: this.#logs.lines,
      spoolLeft: readdirSync(join(this.#folder, 'spool')),
    };
  }

  #start(): void {
    this.#rss.push([]);
    this.#lives.push([]);
    this.#child = startChild({
      command: process.execPath,
      args: [MAIN, 'agent', '--config', '/dev/null', '--state-dir', this.#folder, '--flush-seconds', '120'],
      env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: this.#sink.url },
      stdin: 'pipe',
      stdout: 'ignore',
      onStderrLine: (line) => this.#logs.log('info', line),
    });
    this.#child.stdin?.on('error', () => undefined);
    const opening = Buffer.from(this.#stream.opening).toString('latin1');
    // A producer that came back tells its own time.
    const now = this.#copy === 0 ? opening : opening.replaceAll(/"ts":"\d+"/g, `"ts":"${this.#lastTs}"`);
    const lost = this.#unread.at(-1);
    const told = lost === undefined ? '' : `{"k":"lost","ts":"${this.#lastTs}","of":"unread","n":${lost}}\n`;
    this.#write(`${now}${told}`);
  }

  #write(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.#lives.at(-1)?.push(bytes);
    this.#child?.stdin?.write(bytes);
  }

  /** The next lines of the stream, copy after copy. */
  #next(count: number): string[] {
    while (this.#lines.length < count) {
      this.#lines.push(
        ...Buffer.from(this.#stream.copy(this.#copy++))
          .toString('latin1')
          .trimEnd()
          .split('\n'),
      );
    }
    const lines = this.#lines.splice(0, count);
    this.#lastTs = /"ts":"(\d+)"/.exec(lines.at(-1) ?? '')?.[1] ?? this.#lastTs;
    return lines;
  }

  async #pace(ms: number, take: (lines: string[]) => void): Promise<void> {
    const perMs = (this.#plan.spansPerSecond * this.#stream.eventsPerCopy) / SPANS_PER_COPY / 1000;
    const start = performance.now();
    for (let done = 0; performance.now() - start < ms; ) {
      await sleep(TICK_MS);
      const due = Math.floor(Math.min(ms, performance.now() - start) * perMs) - done;
      if (due > 0) take(this.#next(due));
      done += due;
    }
  }

  async #feed(ms: number): Promise<void> {
    await this.#pace(ms, (lines) => this.#write(`${lines.join('\n')}\n`));
  }

  async #skip(ms: number): Promise<void> {
    let unread = 0;
    await this.#pace(ms, (lines) => {
      unread += lines.length;
    });
    this.#unread.push(unread);
  }

  async #kill(): Promise<void> {
    await sleep(SETTLE_MS);
    this.#sample();
    await this.#child?.stop('SIGKILL', 0);
  }

  async #finish(): Promise<void> {
    // To the end of the copy.
    this.#write(`${this.#next(this.#lines.length).join('\n')}\n`);
    this.#write(`{"k":"end","ts":"${this.#lastTs}"}\n`);
    this.#child?.stdin?.end();
    await this.#child?.exited;
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid}/status`, 'latin1');
      this.#rss.at(-1)?.push(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
      let bytes = 0;
      for (const name of readdirSync(join(this.#folder, 'spool')))
        bytes += statSync(join(this.#folder, 'spool', name)).size;
      this.#spoolBytes = Math.max(this.#spoolBytes, bytes);
    } catch {
      // Between two lives.
    }
  }

  #reference(): { told: SpanRecord[]; held: number[] } {
    const hostKey = readFileSync(join(this.#folder, 'host.key'));
    const bootId = /"boot_id":"([^"]*)"/.exec(Buffer.from(this.#stream.opening).toString('latin1'))?.[1] ?? '';
    const told: SpanRecord[] = [];
    const held: number[] = [];
    for (const [life, chunks] of this.#lives.entries()) {
      const earlier = life === 0 ? undefined : new EarlierRun(bootId);
      const pipeline = new Pipeline({ hostKey, redactor: createRedactor(), agentVersion: VERSION, earlier });
      for (const chunk of chunks) told.push(...pipeline.push(chunk));
      if (life < this.#lives.length - 1) held.push(pipeline.counters.held);
      else told.push(...pipeline.end());
    }
    return { told, held };
  }
}

const SPANS_PER_COPY = ((): number => {
  const stream = new StreamMultiplier(loadStream('9.2-debian-story'));
  const pipeline = new Pipeline({ hostKey: new Uint8Array(32), redactor: createRedactor(), agentVersion: '0' });
  return [stream.opening, stream.copy(0)].flatMap((bytes) => pipeline.push(bytes)).length + pipeline.end().length;
})();
