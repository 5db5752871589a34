/** Attributes of a program that a process ran: `process.*` and what the conventions have no name for. */
import type { CgroupPath } from '../decode/kernel-event.ts';
import type { ExitFacts, ProgramFacts } from '../sshd/program-facts.ts';
import { type Attributes, put, putCount, putFlag, seconds } from './attribute-map.ts';
import { ATTR, UNKNOWN_PROGRAM } from './attributes.ts';
import { containerOf } from './container.ts';
import { argvHead, limitArgs, limitString, MAX_NAME_POINTS, MAX_PREVIEW_POINTS } from './limits.ts';
import type { RedactArgvOptions, Redactor } from './redactor.ts';
import { signalName } from './signals.ts';
import { cleanText, cutPoints, decodeUtf8 } from './text.ts';

/** Of the kernel's device numbers (include/linux/kdev_t.h). */
const MINOR_BITS = 20;
/** The longest tick that kernels are built with, CONFIG_HZ=100. */
const MIN_CPU_NS = 10_000_000n;

export interface ProcessAttributeOptions {
  readonly redactor: Redactor;
  /** UTF-8 bytes of an argument vector. */
  readonly maxArgvBytes: number;
}

/** What became of a program, for the status of its span. */
export interface Ending {
  /** `error.type`: the exit code as text or the signal's name; absent where nothing failed. */
  readonly errorType?: string | undefined;
}

/**
 * Name of a program's span. Anybody may call his program `ssh.connection`: such a name gets `./` in front, so that only
 * the agent's own spans begin with `ssh.`.
 */
export function programSpanName(name: string = UNKNOWN_PROGRAM): string {
  return name.startsWith('ssh.') ? cutPoints(`./${name}`, MAX_NAME_POINTS) : name;
}

/** Base name of the file as it was named to exec, so a script by its own name; else the kernel's comm. */
function executableName(path: string, comm: Uint8Array | undefined, redactor: Redactor): string | undefined {
  const file = baseName(path);
  const name = cleanText(file !== '' ? file : comm === undefined ? '' : decodeUtf8(comm));
  return name === '' ? undefined : cutPoints(redactor.text(name).text, MAX_NAME_POINTS);
}

/**
 * Puts all that is known about a program; `argvOptions` go to the redactor.
 * @returns the name of its executable, undefined if it is not known
 */
export function putProgram(
  attributes: Attributes,
  program: ProgramFacts,
  options: ProcessAttributeOptions,
  argvOptions: RedactArgvOptions,
): string | undefined {
  const { redactor } = options;
  const { file } = program;
  const path = file === undefined ? '' : decodeUtf8(file.bytes);
  const name = executableName(path, program.comm, redactor);
  put(attributes, ATTR.pid, program.process.pid);
  put(attributes, ATTR.parentPid, program.ppid);
  put(attributes, ATTR.executableName, name);
  if (file !== undefined && file.length === file.bytes.length && path.startsWith('/')) {
    put(attributes, ATTR.executablePath, limitString(redactor.text(cleanText(path)).text));
  }
  putArgv(attributes, program, options, argvOptions);
  if (program.uids !== undefined) {
    const [real, effective, saved] = program.uids;
    put(attributes, ATTR.effectiveUid, effective);
    put(attributes, ATTR.realUid, real);
    put(attributes, ATTR.savedUid, saved);
  }
  put(attributes, ATTR.sessionLeaderPid, program.sid);
  put(attributes, ATTR.groupLeaderPid, program.pgid);
  put(attributes, ATTR.loginUid, program.loginUid);
  if ((program.execNumber ?? 1) > 1) put(attributes, ATTR.execNumber, program.execNumber);
  putFlag(attributes, ATTR.replaced, program.replaced);
  putFlag(attributes, ATTR.survivor, program.survivor);
  putCount(attributes, ATTR.forks, program.forks ?? 0);
  putCount(attributes, ATTR.forksFailed, program.forksFailed ?? 0);
  putCount(attributes, ATTR.failedExecs, program.failedExecs);
  put(attributes, ATTR.executableInode, inodeText(program.inode));
  putContainer(attributes, program.cgroup);
  putUsage(attributes, program);
  return name;
}

/**
 * Puts the exit of a process. A signal also gets the code that a shell would show, 128 + n, so that one search for
 * `process.exit.code != 0` finds every failure.
 */
export function putExit(attributes: Attributes, exit: ExitFacts | undefined): Ending {
  if (exit === undefined) return {};
  putFlag(attributes, ATTR.coreDumped, exit.core);
  if (exit.signal !== undefined) {
    const name = signalName(exit.signal);
    put(attributes, ATTR.exitCode, 128 + exit.signal);
    put(attributes, ATTR.exitSignal, name);
    return { errorType: name };
  }
  put(attributes, ATTR.exitCode, exit.code);
  return exit.code === undefined || exit.code === 0 ? {} : { errorType: `${exit.code}` };
}

function putArgv(
  attributes: Attributes,
  program: ProgramFacts,
  options: ProcessAttributeOptions,
  argvOptions: RedactArgvOptions,
): void {
  const { argv } = program;
  if (argv === undefined) return;
  const lost = argv.bytes.length < argv.length;
  const { head, more } = argvHead(argv.bytes, options.maxArgvBytes);
  const raw = splitArgv(head);
  const { args, redacted } = options.redactor.argv(raw, { ...argvOptions, cut: lost || more > 0 });
  const limited = limitArgs(args, options.maxArgvBytes, more);
  put(attributes, ATTR.commandArgs, limited.args);
  // Where the producer could not read it all, nobody knows how many elements there were.
  if (!lost) put(attributes, ATTR.argsCount, raw.length + more);
  put(attributes, ATTR.argsBytes, argv.length);
  putFlag(attributes, ATTR.argsTruncated, limited.cut || lost);
  put(attributes, ATTR.commandPreview, previewOf(limited.args));
  putCount(attributes, ATTR.redactions, redacted);
}

/** NUL-terminated elements; a head without its last NUL still ends in an element. */
function splitArgv(bytes: Uint8Array): string[] {
  if (bytes.length === 0) return [];
  const args = decodeUtf8(bytes).split('\0');
  if (bytes.at(-1) === 0) args.pop();
  return args;
}

/** One line for people; quoted only where an element would be misread, and not meant for a shell. */
function previewOf(args: readonly string[]): string {
  let line = '';
  for (const [i, arg] of args.entries()) {
    // Longer than any preview: what follows can't be seen.
    if (line.length > MAX_PREVIEW_POINTS * 2) break;
    line += (i === 0 ? '' : ' ') + quoted(arg.slice(0, MAX_PREVIEW_POINTS * 2 + 2).toWellFormed());
  }
  return cutPoints(line, MAX_PREVIEW_POINTS);
}

function quoted(arg: string): string {
  return arg === '' || /[\s'"\\]/u.test(arg) ? `'${arg.replaceAll("'", "'\\''")}'` : arg;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** As /proc/PID/maps orders it, but in decimal. */
function inodeText(inode: ProgramFacts['inode']): string | undefined {
  if (inode?.device === undefined) return undefined;
  return `${Math.floor(inode.device / 2 ** MINOR_BITS)}:${inode.device % 2 ** MINOR_BITS}:${inode.number}`;
}

/** Where a cgroup is known it decides, also that there is no container; else a process is where its connection is. */
export function putContainer(attributes: Attributes, cgroup: CgroupPath | undefined): void {
  if (cgroup === undefined) return;
  const { id, podUid } = containerOf(cgroup);
  for (const [name, value] of [
    [ATTR.containerId, id],
    [ATTR.podUid, podUid],
  ] as const) {
    if (value !== undefined) attributes[name] = value;
    else if (name in attributes) delete attributes[name];
  }
}

/** Little CPU time is not told: the last clock tick may be missing from it. */
function putUsage(attributes: Attributes, { cpu, maxRssBytes }: ProgramFacts): void {
  if (cpu !== undefined && cpu.userNs + cpu.systemNs >= MIN_CPU_NS) {
    put(attributes, ATTR.cpuUserTime, seconds(cpu.userNs));
    put(attributes, ATTR.cpuSystemTime, seconds(cpu.systemNs));
  }
  put(attributes, ATTR.maxRss, maxRssBytes === undefined ? undefined : Number(maxRssBytes));
}
