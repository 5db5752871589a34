/** Programs: one span an exec, nested as they were forked; and the helpers that sshd runs for itself. */
import type { ExecEvent, ExitEvent } from '../decode/kernel-event.ts';
import type { Continuity } from '../process/process-change.ts';
import { exitFacts } from './connection.ts';
import { keepArgv, releaseArgv } from './kept-argv.ts';
import type { HelperRun, KeptExec, OpenProgram, ProcessNode } from './node.ts';
import type { ProgramFacts } from './program-facts.ts';
import type { HelperActivity, IncompleteReason, SpanRef } from './session-event.ts';

/** How a program's time ended. */
export interface ProgramEnd {
  readonly tsNs: bigint;
  readonly exit?: ExitEvent;
  readonly replaced?: boolean;
  /** The end itself was not seen, and why. */
  readonly unknown?: IncompleteReason;
}

/**
 * Whether an exec gets no span. What it runs then hangs on whatever ran it. Asked once for each exec.
 * @param name base name of the file; where `isComm`, at most the first 15 bytes of it are known
 */
export type SkipProgram = (name: string, isComm: boolean) => boolean;

/** Opens the program of an exec, unless it is to be skipped. */
export function openUnlessSkipped(
  node: ProcessNode,
  event: ExecEvent | undefined,
  startNs: bigint,
  parent: SpanRef,
  skip: SkipProgram | undefined,
): OpenProgram | undefined {
  if (skip?.(node.image ?? '', event?.file === undefined) === true) {
    node.execs++;
    return undefined;
  }
  const { connection } = node;
  const program = openProgram(node, event, startNs, parent);
  const texts = { argv: program.event?.argv, others: [program.event?.file] };
  connection.say({ type: 'began', connection, ref: program.ref, texts, tsNs: event?.tsNs ?? startNs });
  return program;
}

function spanKey(node: ProcessNode, execNumber: number): readonly string[] {
  return [String(node.process.id.pid), String(node.process.id.startNs), String(execNumber)];
}

/** Opens the program of an exec; `event` undefined: it runs already, and its exec was not seen. */
export function openProgram(
  node: ProcessNode,
  event: ExecEvent | undefined,
  startNs: bigint,
  parent: SpanRef,
): OpenProgram {
  node.execs++;
  const ref: SpanRef = { kind: 'program', key: spanKey(node, event?.execId ?? node.execs), startNs };
  const execNumber = numberOf(node, event);
  const gapped = node.connection.gapUntilNs !== undefined;
  const kept = event === undefined ? undefined : keptOf(event, keepArgv(node.connection, event.argv));
  return { ref, parent, startNs, event: kept, execNumber, forks: 0, forksFailed: 0, failedExecs: 0, gapped };
}

function keptOf(event: ExecEvent, argv: KeptExec['argv']): KeptExec {
  const { ppid, uids, sid, pgid, loginUid, comm, file, cgroupPath, device, inode, cpu } = event;
  return { ppid, uids, sid, pgid, loginUid, comm, file, argv, cgroupPath, device, inode, cpu };
}

/** The kernel's own number goes on from the parent's at a fork, so what it was at birth tells how many were the process's. */
function numberOf(node: ProcessNode, event: ExecEvent | undefined): number | undefined {
  if (event?.execId !== undefined && node.bornExecId !== undefined) return event.execId - node.bornExecId;
  return node.process.adopted || node.connection.lossy ? undefined : node.execs;
}

function programFacts(node: ProcessNode, program: OpenProgram, end: ProgramEnd): ProgramFacts {
  const event = program.event;
  return {
    process: node.process.id,
    ppid: event?.ppid ?? node.process.ppid,
    execNumber: program.execNumber,
    uids: event?.uids ?? node.process.uids,
    sid: event?.sid ?? node.process.sid,
    pgid: event?.pgid,
    loginUid: event?.loginUid,
    comm: event?.comm,
    file: event?.file,
    argv: event?.argv,
    ...(end.exit === undefined || end.unknown !== undefined ? {} : { exit: exitFacts(end.exit) }),
    replaced: end.replaced === true,
    survivor: end.unknown === undefined && node.connection.endNs !== undefined && end.tsNs > node.connection.endNs,
    ...(program.gapped ? {} : { forks: program.forks, forksFailed: program.forksFailed }),
    failedExecs: program.failedExecs,
    cgroup: event?.cgroupPath,
    ...(event?.inode === undefined ? {} : { inode: { device: event.device, number: event.inode } }),
    ...(end.exit === undefined || end.unknown !== undefined ? {} : usageOf(program, end.exit)),
  };
}

/** What the program used: its process's figures less those at its exec. A process's first program is counted from the fork. */
function usageOf({ event, execNumber }: OpenProgram, exit: ExitEvent): Pick<ProgramFacts, 'cpu' | 'maxRssBytes'> {
  const { cpu, maxRssBytes } = exit;
  const before = event?.cpu ?? (event !== undefined && execNumber === 1 ? { userNs: 0n, systemNs: 0n } : undefined);
  const known = maxRssBytes === undefined ? {} : { maxRssBytes };
  if (cpu === undefined || before === undefined) return known;
  const userNs = cpu.userNs - before.userNs;
  const systemNs = cpu.systemNs - before.systemNs;
  // The parts are shares of what was measured, by samples: early ones may be too high.
  return userNs < 0n || systemNs < 0n ? known : { cpu: { userNs, systemNs }, ...known };
}

/** What is known of the end of the program that a process ran last. */
export function endOf(
  node: ProcessNode,
  exit: ExitEvent | undefined,
  tsNs: bigint,
  why: Continuity | IncompleteReason,
): ProgramEnd {
  if (exit === undefined) return { tsNs, unknown: why === 'stream_ended' ? 'stream_ended' : 'events_lost' };
  const missed = why === 'broken' || (why === 'unknown' && node.gapped);
  return missed ? { tsNs, exit, unknown: 'events_lost' } : { tsNs, exit };
}

/** Tells the program that a process ran until now, if it ran one. */
export function closeProgram(node: ProcessNode, end: ProgramEnd): void {
  const program = node.program;
  node.program = undefined;
  if (program === undefined) return;
  releaseArgv(node.connection, program.event?.argv);
  const session = node.session?.ref;
  node.connection.tell(
    {
      kind: 'program',
      ref: program.ref,
      parent: program.parent,
      startNs: program.startNs,
      endNs: end.tsNs,
      program: programFacts(node, program, end),
      ...(session === undefined ? {} : { session }),
      ...incompleteness(program, end),
    },
    end.tsNs,
  );
}

/** A helper's run begins (`event` undefined: its first exec was lost): its span covers the process from its fork to its end, whatever it runs in between. */
export function openHelper(
  node: ProcessNode,
  event: ExecEvent | undefined,
  helper: HelperActivity['helper'],
  parent: SpanRef,
): HelperRun {
  const program = openProgram(node, event, node.forkNs, parent);
  return { helper, parent, program, ref: { kind: 'helper', key: program.ref.key } };
}

/** The finished run of a helper. */
export function helperActivity(node: ProcessNode, run: HelperRun, end: ProgramEnd): HelperActivity {
  releaseArgv(node.connection, run.program.event?.argv);
  return {
    kind: 'helper',
    ref: run.ref,
    parent: run.parent,
    startNs: node.forkNs,
    endNs: end.tsNs,
    helper: run.helper,
    program: programFacts(node, run.program, end),
    ...incompleteness(run.program, end),
  };
}

function incompleteness(program: OpenProgram, end: ProgramEnd): Pick<HelperActivity, 'endUnknown' | 'incomplete'> {
  if (end.unknown !== undefined) return { endUnknown: true, incomplete: [end.unknown] };
  return program.gapped ? { incomplete: ['events_lost'] } : {};
}
