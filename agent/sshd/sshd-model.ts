/**
 * Process changes → session events. State changes only in `apply` and `end`; time comes from the events.
 *
 * Invariants:
 * 1. A connection is one child of a listener, its monitor; its identity is the monitor's (pid, start).
 * 2. Every process of a connection descends from its monitor; no fact crosses connections.
 * 3. An activity is told once, after its end, and never ends before it starts.
 * 4. `connection-closed` is told once, after all activities but those of processes that outlive the monitor.
 * 5. When all processes of a connection have exited, nothing of it is kept.
 */
import type { LostEvent, ProcessId } from '../decode/kernel-event.ts';
import type { Process, ProcessChange } from '../process/process-change.ts';
import { RecentProcesses } from '../process/recent-processes.ts';
import { adoptNode, applyOtherProgram, applySeed } from './adoption.ts';
import { Connection } from './connection.ts';
import { ConnectionRun } from './connection-run.ts';
import type { Sha256 } from './key-facts.ts';
import type { ProcessNode } from './node.ts';
import { notAdmitted } from './not-admitted.ts';
import type { SkipProgram } from './programs.ts';
import { RecentGaps } from './recent-gaps.ts';
import { restoreRun, type SavedRun, saveRun } from './saved-run.ts';
import type { ConnectionFacts, SessionEvent } from './session-event.ts';

/** Ended connections that are remembered. */
const MIN_ENDED = 16_384;

export interface SshdModelOptions {
  readonly sha256: Sha256;
  /** Only connections of the listener with this pid. */
  readonly listenerPid?: number | undefined;
  /** Programs that get no span; see `SkipProgram`. */
  readonly skipProgram?: SkipProgram | undefined;
  /** What an earlier model left, if the host has not booted since. */
  readonly saved?: { readonly bootId: string; readonly runs: readonly SavedRun[] } | undefined;
}

/** A process that is followed, and the connection that it belongs to. */
interface Followed {
  readonly node: ProcessNode;
  readonly run: ConnectionRun;
}

export class SshdModel {
  readonly #options: SshdModelOptions;
  /** By the monitor's identity. */
  readonly #runs = new Map<string, ConnectionRun>();
  readonly #followed = new Map<Process, Followed>();
  /** Boot to wall time, from the last clock record. */
  #wallOffsetNs: bigint | undefined;
  #lastNs = 0n;
  /** Between `hello` and `seed-end` processes are adopted as found, not as lost. */
  #opened = false;
  /** Connections that were told to their end, the last of them. */
  readonly #ended = new RecentProcesses(MIN_ENDED);
  /** Of the last `hello`. */
  #bootId: string | undefined;
  readonly #gaps = new RecentGaps();

  constructor(options: SshdModelOptions) {
    this.#options = options;
  }

  /** Connections that are open, or have survivors. */
  get connections(): number {
    return this.#runs.size;
  }

  /** Processes followed. */
  get processes(): number {
    return this.#followed.size;
  }

  apply(change: ProcessChange): readonly SessionEvent[] {
    if (change.tsNs > this.#lastNs) this.#lastNs = change.tsNs;
    switch (change.type) {
      case 'hello':
        return this.#hello(change.event);
      case 'clock':
        this.#clock(change.event.wallNs - change.event.tsNs);
        this.#gaps.since(change.tsNs);
        return [{ type: 'tick', tsNs: change.tsNs }];
      case 'lost':
        this.#lost(change.event);
        return [];
      case 'end':
        return [{ type: 'tick', tsNs: change.tsNs }];
      default:
        return this.#aboutProcess(change);
    }
  }

  /** Last moment that was heard of. */
  get lastNs(): bigint {
    return this.#lastNs;
  }

  /** Connections for the next agent to go on with, in the same order; nothing must be applied afterwards. */
  save(): { readonly connections: ConnectionFacts[]; readonly runs: SavedRun[] } {
    const saved = [...this.#runs.values()].flatMap((run) => {
      const copy = saveRun(run);
      return copy === undefined ? [] : [{ connection: run.connection, copy }];
    });
    return { connections: saved.map((each) => each.connection), runs: saved.map((each) => each.copy) };
  }

  #restore(saved: SavedRun, tsNs: bigint): SessionEvent {
    const run = restoreRun(saved, this.#options.sha256, this.#options.skipProgram);
    const { connection } = run;
    this.#runs.set(keyOf(connection.id), run);
    for (const node of run.processes.nodes) this.#followed.set(node.process, { node, run });
    return { type: 'connection-opened', connection, sessions: saved.sessions.open.map(({ ref }) => ref), tsNs };
  }

  /** The stream is over: what is open is told as far as it is known, and marked. */
  end(): SessionEvent[] {
    const out: SessionEvent[] = [];
    for (const run of this.#runs.values()) {
      if (!run.closed) run.connection.mark('stream_ended');
      run.close(this.#lastNs, undefined);
      for (const node of [...run.processes.nodes])
        if (node.role !== 'monitor') run.exited(node, undefined, this.#lastNs, 'stream_ended');
      out.push(...run.connection.take());
    }
    this.#runs.clear();
    this.#followed.clear();
    return out;
  }

  #hello(event: Extract<ProcessChange, { type: 'hello' }>['event']): SessionEvent[] {
    const saved = this.#opened ? undefined : this.#options.saved;
    if (this.#opened) for (const run of this.#runs.values()) run.connection.mark('producer_restarted');
    this.#opened = true;
    if (event.bootId !== this.#bootId) this.#ended.clear();
    this.#bootId = event.bootId;
    const { producer, producerVersion, machineId, hostName } = event;
    const host = { bootId: event.bootId ?? '', machineId, hostName, producer, producerVersion };
    const restored = saved?.bootId === host.bootId ? saved.runs.map((run) => this.#restore(run, event.tsNs)) : [];
    return [{ type: 'host', host }, ...restored];
  }

  /** A connection keeps the offset of its beginning: a step of the clock bends no trace. */
  #clock(offsetNs: bigint): void {
    // A producer may tell what runs already before its first clock record; those get the first offset that there is.
    if (this.#wallOffsetNs === undefined) {
      for (const { connection } of this.#runs.values())
        if (connection.wallOffsetNs === 0n) connection.wallOffsetNs = offsetNs; // not what an earlier agent dated
    }
    this.#wallOffsetNs = offsetNs;
  }

  #aboutProcess(change: Exclude<ProcessChange, { type: 'hello' | 'clock' | 'lost' | 'end' }>): readonly SessionEvent[] {
    if (change.type === 'about' && change.event.kind === 'drop') {
      return this.#wants(change.event.process) ? notAdmitted(change.event, this.#wallOffsetNs ?? 0n) : [];
    }
    const run = this.#route(change);
    if (run === undefined) return [];
    const events = run.connection.take();
    if (run.over) this.#forget(run.connection.id);
    return events;
  }

  #forget(id: ProcessId): void {
    this.#runs.delete(keyOf(id));
    this.#ended.add(id);
  }

  /** Lets the connection of the change's process take it. */
  #route(change: Exclude<ProcessChange, { type: 'hello' | 'clock' | 'lost' | 'end' }>): ConnectionRun | undefined {
    const { process } = change;
    switch (change.type) {
      case 'forked':
        return this.#forked(process, change.parent, change.tsNs);
      case 'seeded':
      case 'adopted': {
        const followed = this.#adopt(process, change.parent, change.tsNs, change.type === 'seeded');
        if (followed === undefined) return undefined;
        const { node, run } = followed;
        // One whose fork was seen runs what its parent ran then: its seed's program is no exec of its own.
        if (change.type === 'seeded' && process.adopted && node.execs === 0 && node.program === undefined) {
          applySeed(node, run, change.event);
        } else if (change.type === 'seeded') applyOtherProgram(node, run, change.event, change.tsNs);
        return run;
      }
      default: {
        const followed = this.#followed.get(process);
        if (followed === undefined) return undefined;
        const { node, run } = followed;
        switch (change.type) {
          case 'executed':
            if (process.role !== 'listener') run.executed(node, change.event, change.continuity);
            else if (run.becameListener(node, change.tsNs)) this.#followed.delete(process);
            break;
          case 'identity':
            run.identity(node, change.changed, change.tsNs);
            break;
          case 'about':
            run.about(node, change.event);
            break;
          case 'exited':
            this.#followed.delete(process);
            run.exited(node, change.event, change.tsNs, change.continuity);
            break;
          case 'vanished':
            this.#followed.delete(process);
            node.connection.mark('events_lost');
            run.exited(node, undefined, change.tsNs, 'events_lost');
            break;
          default:
            change satisfies never;
        }
        return run;
      }
    }
  }

  #forked(process: Process, parent: Process, tsNs: bigint): ConnectionRun | undefined {
    if (parent.role === 'listener') {
      if (!this.#wants(parent.id)) return undefined;
      const run = this.#open(process.id, parent.id, false, tsNs);
      this.#join(process, run, undefined);
      return run;
    }
    const followed = this.#followed.get(parent);
    if (followed === undefined) return undefined;
    const { node, run } = followed;
    this.#followed.set(process, { node: run.forked(node, process, tsNs), run });
    return run;
  }

  #wants(listener: ProcessId | undefined): boolean {
    const only = this.#options.listenerPid;
    return only === undefined || listener?.pid === only;
  }

  #join(process: Process, run: ConnectionRun, parent: ProcessNode | undefined): Followed {
    const followed = { node: adoptNode(process, run, parent), run };
    this.#followed.set(process, followed);
    return followed;
  }

  #open(id: ProcessId, listener: ProcessId | undefined, late: boolean, tsNs: bigint): ConnectionRun {
    const connection = new Connection(id, listener, this.#wallOffsetNs ?? 0n, late, tsNs);
    const run = new ConnectionRun(connection, this.#options.sha256, this.#options.skipProgram);
    this.#runs.set(keyOf(id), run);
    connection.say({ type: 'connection-opened', connection, tsNs });
    for (const gap of this.#gaps.since(tsNs)) run.gap(gap.count, gap.tsNs);
    return run;
  }

  #adopt(process: Process, parent: Process | undefined, tsNs: bigint, seed: boolean): Followed | undefined {
    const known = this.#followed.get(process);
    if (known !== undefined) return known;
    if (process.role === 'listener') return undefined;
    const parentNode = parent === undefined ? undefined : this.#followed.get(parent)?.node;
    const monitorOfListener = parent?.role === 'listener';
    const id = process.conn ?? parentNode?.connection.id ?? (monitorOfListener ? process.id : undefined);
    if (id === undefined || (monitorOfListener && !this.#wants(parent?.id))) return undefined;
    let run = this.#runs.get(keyOf(id));
    if (run === undefined) {
      if (this.#ended.has(id)) return undefined; // told and gone: its ids must not be told again
      // A connection that is first heard of by one of its processes: the producer's stamp names it.
      if (!monitorOfListener && !this.#wants(undefined)) return undefined;
      run = this.#open(id, monitorOfListener ? parent?.id : undefined, seed, tsNs);
    }
    if (!seed) run.found(process, tsNs);
    return this.#join(process, run, parentNode);
  }

  /** Marks the connection that the loss names, or all that were open in its interval. */
  #lost(event: LostEvent): void {
    const named = event.conn === undefined ? undefined : this.#runs.get(keyOf(event.conn));
    const touched = event.conn === undefined ? [...this.#runs.values()] : named === undefined ? [] : [named];
    for (const run of touched) run.gap(event.count, event.tsNs);
    if (event.conn === undefined) this.#gaps.add(event);
  }
}

function keyOf(id: ProcessId): string {
  return `${id.pid}:${id.startNs}`;
}
