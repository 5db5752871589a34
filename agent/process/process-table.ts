/**
 * Kernel events → process changes. State changes only in `apply`.
 *
 * 1. A process is (pid, start); a pid is only an index. Another start under a known pid means that the old one is gone.
 * 2. A process that is heard of without a fork is adopted; its parent is looked up by `ppid`.
 * 3. A session id equal to the pid, or three equal uids, that differ from what is known are told before the event that
 *    shows them: a lost or late record heals.
 * 4. After its exit a process is forgotten; stray records about it are counted.
 */
import type { ExecEvent, ExitEvent, KernelEvent, ProcessId, SeedEvent, Uids } from '../decode/kernel-event.ts';
import { TCP } from '../decode/tcp-states.ts';
import type { Continuity, Process, ProcessChange, ProcessFact } from './process-change.ts';
import { RecentProcesses } from './recent-processes.ts';

/** Processes kept at most; beyond it the oldest are given up and counted. */
const MAX_PROCESSES = 200_000;
/** Exited processes remembered, at least so many, so that a straggling record does not bring one back. */
const MIN_EXITED = 8_192;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Entry = Mutable<Process>;

export interface ProcessCounters {
  /** Processes heard of without their fork. */
  adopted: number;
  /** Gone without an exit record. */
  vanished: number;
  /** Records about a process that had already exited, or ends of sockets of one that was never heard of. */
  afterExit: number;
  /** Given up because the table was full. */
  evicted: number;
}

/** Processes that an earlier table knew. They become this one's own. */
export interface SavedProcesses {
  readonly bootId: string;
  readonly processes: readonly Process[];
}

/** The process table: `apply` each event in order of time. */
export class ProcessTable {
  readonly counters: ProcessCounters = { adopted: 0, vanished: 0, afterExit: 0, evicted: 0 };
  /** By pid; insertion order is age. */
  readonly #living = new Map<number, Entry>();
  readonly #exited = new RecentProcesses(MIN_EXITED);
  /** Of the last `hello`. */
  #bootId: string | undefined;
  /** Set between `hello` and `seed-end`: processes that the new producer has confirmed, and when it began. */
  #opening: { readonly sinceNs: bigint; readonly confirmed: Set<Process> } | undefined;

  /** Left by an earlier table; used if the host has not booted since. */
  #saved: SavedProcesses | undefined;

  constructor(saved?: SavedProcesses) {
    this.#saved = saved;
  }

  /** Number of processes alive. */
  get size(): number {
    return this.#living.size;
  }

  apply(event: KernelEvent): ProcessChange[] {
    const out: ProcessChange[] = [];
    switch (event.kind) {
      case 'hello':
        this.#opening = { sinceNs: event.tsNs, confirmed: new Set() };
        if (event.bootId !== this.#bootId) this.#exited.clear();
        this.#bootId = event.bootId;
        // What no seed confirms is found to be gone.
        if (this.#saved !== undefined && this.#saved.bootId === event.bootId)
          for (const process of this.#saved.processes) this.#living.set(process.id.pid, process);
        this.#saved = undefined;
        out.push({ type: 'hello', tsNs: event.tsNs, event });
        break;
      case 'clock':
        out.push({ type: 'clock', tsNs: event.tsNs, event });
        break;
      case 'lost':
        out.push({ type: 'lost', tsNs: event.tsNs, event });
        break;
      case 'end':
        out.push({ type: 'end', tsNs: event.tsNs, event });
        break;
      case 'seed':
        this.#seed(event, out);
        break;
      case 'cgroup':
        break; // the decoder has put it into the events that need it
      case 'seed-end':
        this.#dropUnconfirmed(event.tsNs, out);
        break;
      case 'fork': {
        const parent = this.#find(event.process, event, out);
        if (parent === undefined) break;
        if (this.#known(event.child) !== undefined) break; // its first event came before its fork
        if (this.#exited.has(event.child)) {
          this.counters.afterExit++;
          break;
        }
        if (event.uids !== undefined) this.#learnUids(parent, event.uids, event.tsNs, out);
        const child = this.#insert(event.child, parent.id.pid, event.tsNs, false, event.tsNs, out);
        child.conn = parent.role === 'listener' ? event.child : parent.conn;
        child.role = parent.role === 'listener' ? 'sshd' : parent.role;
        child.execId = event.execId;
        child.sid = event.sid ?? parent.sid;
        child.uids = parent.uids;
        out.push({ type: 'forked', tsNs: event.tsNs, process: child, parent });
        break;
      }
      case 'exec': {
        const process = this.#find(event.process, event, out, event.ppid);
        if (process === undefined) break;
        this.#learnIds(process, event, out);
        const continuity = follows(process.execId, event.execId, 1);
        process.execId = event.execId;
        if (event.ppid !== undefined && process.adopted) process.ppid ??= event.ppid;
        out.push({ type: 'executed', tsNs: event.tsNs, process, event, continuity });
        break;
      }
      case 'exit': {
        const process = this.#find(event.process, event, out);
        if (process === undefined) break;
        this.#learnIds(process, event, out);
        this.#forget(process);
        const continuity = follows(process.execId, event.execId, 0);
        out.push({ type: 'exited', tsNs: event.tsNs, process, event, continuity });
        break;
      }
      case 'setsid': {
        const process = this.#find(event.process, event, out);
        if (process !== undefined) this.#learnSid(process, event.sid, event.tsNs, out);
        break;
      }
      case 'setresuid': {
        const process = this.#find(event.process, event, out);
        if (process === undefined) break;
        process.uids = event.uids;
        out.push({ type: 'identity', tsNs: event.tsNs, process, changed: 'uids' });
        break;
      }
      case 'untracked': {
        const process = this.#known(event.process);
        if (process !== undefined) this.#vanish(process, event.tsNs, out);
        break;
      }
      case 'forward': {
        // The kernel closes a process's sockets after its exit was told: then the monitor stands for it.
        const { conn, process: owner } = event;
        const id = conn !== undefined && this.#exited.has(owner) ? conn : owner;
        if (event.newState === TCP.close && this.#isUnheardOf(id)) break;
        this.#about(id, event, out);
        break;
      }
      case 'tcp':
        if (!this.#isUnheardOf(event.process)) this.#about(event.process, event, out);
        break;
      case 'file':
      case 'accept':
      case 'drop':
      case 'mon':
      case 'log':
      case 'execfail':
        this.#about(event.process, event, out);
        break;
      default:
        event satisfies never;
    }
    return out;
  }

  #known(id: ProcessId): Entry | undefined {
    const entry = this.#living.get(id.pid);
    return entry !== undefined && entry.id.startNs === id.startNs ? entry : undefined;
  }

  /** What an event says of a process that lives. */
  #about(id: ProcessId, event: ProcessFact, out: ProcessChange[]): void {
    const process = this.#find(id, event, out);
    if (process !== undefined) out.push({ type: 'about', tsNs: event.tsNs, process, event });
  }

  /**
   * A socket may outlive its process by minutes, while the client does not answer: its end proves nobody alive who had not
   * been heard of. He may have died while no agent ran, and would never exit again.
   */
  #isUnheardOf(id: ProcessId): boolean {
    if (this.#known(id) !== undefined || this.#exited.has(id)) return false;
    this.counters.afterExit++;
    return true;
  }

  /** The process of an event, adopted if it was not known; undefined if it has already exited. */
  #find(
    id: ProcessId,
    event: { tsNs: bigint; conn?: ProcessId | undefined; role?: Process['role'] },
    out: ProcessChange[],
    ppid?: number,
  ): Entry | undefined {
    const known = this.#known(id);
    if (known !== undefined) {
      if (event.role !== undefined) known.role = event.role;
      if (event.conn !== undefined) known.conn = event.conn;
      return known;
    }
    if (this.#exited.has(id)) {
      this.counters.afterExit++;
      return undefined;
    }
    const parent = ppid === undefined ? undefined : this.#living.get(ppid);
    const process = this.#insert(id, ppid, id.startNs, true, event.tsNs, out);
    process.conn = event.conn ?? parent?.conn;
    process.role = event.role;
    this.counters.adopted++;
    out.push({ type: 'adopted', tsNs: event.tsNs, process, parent });
    return process;
  }

  #insert(
    id: ProcessId,
    ppid: number | undefined,
    forkNs: bigint,
    adopted: boolean,
    tsNs: bigint,
    out: ProcessChange[],
  ): Entry {
    const old = this.#living.get(id.pid);
    if (old !== undefined) this.#vanish(old, tsNs, out);
    if (this.#living.size >= MAX_PROCESSES) {
      const oldest = this.#living.values().next().value;
      if (oldest !== undefined) {
        this.counters.evicted++;
        this.#vanish(oldest, tsNs, out);
      }
    }
    const entry: Entry = {
      id,
      ppid,
      adopted,
      forkNs,
      conn: undefined,
      role: undefined,
      sid: undefined,
      uids: undefined,
      execId: undefined,
    };
    this.#living.set(id.pid, entry);
    return entry;
  }

  #seed(event: SeedEvent, out: ProcessChange[]): void {
    const parent = event.parent === undefined ? undefined : this.#known(event.parent);
    let process = this.#known(event.process);
    if (process === undefined) {
      process = this.#insert(event.process, event.parent?.pid, event.process.startNs, true, event.tsNs, out);
    }
    process.conn = event.conn ?? process.conn;
    process.role = event.role ?? process.role;
    process.sid = event.sid ?? process.sid;
    process.uids = event.uids ?? process.uids;
    process.execId = event.execId ?? process.execId;
    this.#opening?.confirmed.add(process);
    out.push({ type: 'seeded', tsNs: event.tsNs, process, parent, event });
  }

  /** A new producer tells of everything that is alive; what it did not tell of is gone. */
  #dropUnconfirmed(tsNs: bigint, out: ProcessChange[]): void {
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening === undefined) return;
    for (const process of [...this.#living.values()]) {
      if (!opening.confirmed.has(process) && process.forkNs < opening.sinceNs) this.#vanish(process, tsNs, out);
    }
  }

  #vanish(process: Entry, tsNs: bigint, out: ProcessChange[]): void {
    this.counters.vanished++;
    this.#forget(process);
    out.push({ type: 'vanished', tsNs, process });
  }

  #forget(process: Entry): void {
    this.#living.delete(process.id.pid);
    this.#exited.add(process.id);
  }

  #learnIds(process: Entry, event: ExecEvent | ExitEvent, out: ProcessChange[]): void {
    if (event.sid !== undefined) this.#learnSid(process, event.sid, event.tsNs, out);
    if (event.uids !== undefined) this.#learnUids(process, event.uids, event.tsNs, out);
  }

  #learnSid(process: Entry, sid: number, tsNs: bigint, out: ProcessChange[]): void {
    if (process.sid === sid) return;
    process.sid = sid;
    if (sid === process.id.pid) out.push({ type: 'identity', tsNs, process, changed: 'sid' });
  }

  #learnUids(process: Entry, uids: Uids, tsNs: bigint, out: ProcessChange[]): void {
    const old = process.uids;
    if (old !== undefined && old[0] === uids[0] && old[1] === uids[1] && old[2] === uids[2]) return;
    process.uids = uids;
    if (uids[0] === uids[1] && uids[1] === uids[2]) out.push({ type: 'identity', tsNs, process, changed: 'uids' });
  }
}

/** Whether exec number `now` comes `step` after `before`. */
function follows(before: number | undefined, now: number | undefined, step: number): Continuity {
  if (before === undefined || now === undefined) return 'unknown';
  return now === before + step ? 'whole' : 'broken';
}
