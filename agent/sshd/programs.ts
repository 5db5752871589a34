/** Programs: one span an exec, nested as they were forked; and the helpers that sshd runs for itself. */
import type { ExecEvent, ExitEvent } from '../decode/kernel-event.ts';
import { exitFacts } from './connection.ts';
import type { HelperRun, OpenProgram, ProcessNode } from './node.ts';
import type { HelperActivity, ProgramFacts, SpanRef } from './session-event.ts';

/** How a program's time ended. */
export interface ProgramEnd {
  readonly tsNs: bigint;
  readonly exit?: ExitEvent;
  readonly replaced?: boolean;
  /** The end itself was not seen. */
  readonly unknown?: boolean;
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
  const execNumber = event?.execId ?? node.execs;
  const ref: SpanRef = { kind: 'program', key: spanKey(node, execNumber) };
  return { ref, parent, startNs, event, execNumber, forks: 0, forksFailed: 0, failedExecs: 0 };
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
    ...(end.exit === undefined ? {} : { exit: exitFacts(end.exit) }),
    replaced: end.replaced === true,
    survivor: node.connection.endNs !== undefined && end.tsNs > node.connection.endNs,
    forks: program.forks,
    forksFailed: program.forksFailed,
    failedExecs: program.failedExecs,
    containerCgroup: event?.cgroup,
  };
}

/** Tells the program that a process ran until now, if it ran one. */
export function closeProgram(node: ProcessNode, end: ProgramEnd): void {
  const program = node.program;
  node.program = undefined;
  if (program === undefined) return;
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
      ...(end.unknown === true ? { endUnknown: true } : {}),
    },
    end.tsNs,
  );
}

/** A helper's run begins: its span covers the process from its fork to its end, whatever it runs in between. */
export function openHelper(
  node: ProcessNode,
  event: ExecEvent,
  helper: HelperActivity['helper'],
  parent: SpanRef,
): HelperRun {
  const program = openProgram(node, event, node.forkNs, parent);
  return { helper, parent, program, ref: { kind: 'helper', key: program.ref.key } };
}

/** The finished run of a helper. */
export function helperActivity(node: ProcessNode, run: HelperRun, end: ProgramEnd): HelperActivity {
  return {
    kind: 'helper',
    ref: run.ref,
    parent: run.parent,
    startNs: node.forkNs,
    endNs: end.tsNs,
    helper: run.helper,
    program: programFacts(node, run.program, end),
    ...(end.unknown === true ? { endUnknown: true } : {}),
  };
}
