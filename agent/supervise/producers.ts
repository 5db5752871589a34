import { accessSync, closeSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../config/version.ts';
import {
  BPFTRACE_LEAST_VERSION,
  type BpftraceOptions,
  bpftraceCommand,
  isBpftraceNewEnough,
  parseBpftraceVersion,
} from '../source/bpftrace-producer.ts';
import { runChild } from '../source/child-process.ts';
import { readHostFacts } from '../source/host-facts.ts';
import { LIBBPF_EXITS, libbpfCommand, libbpfPlaces } from '../source/libbpf-producer.ts';
import { openProcFacts } from '../source/proc-facts.ts';
import { findSeedRoots } from '../source/proc-seeds.ts';
import { explainBpftrace, isHarmless } from '../source/producer-errors.ts';
import { errorCode } from '../source/system-error.ts';
import type { Explanation, PreparedCommand, ProducerCandidate } from './supervisor.ts';

export interface ProducerOptions {
  /** Trace only the sshd that listens with this pid. */
  readonly listenerPid?: number | undefined;
  /** Also what only system calls show, where the producer can. */
  readonly exact?: boolean | undefined;
}

export interface FoundProducers {
  /** Best first. */
  readonly candidates: readonly ProducerCandidate[];
  /** What is there and cannot be used, and why; one clause each. */
  readonly refused: readonly string[];
  /** Why there is none. */
  readonly missing?: string | undefined;
  readonly remedy?: string | undefined;
}

/** The folder that holds this package. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** `bpftrace --version` takes 20 ms. */
const VERSION_MS = 10_000;
const BPFTRACE_PLACES = ['/usr/bin/bpftrace', '/usr/sbin/bpftrace', '/usr/local/bin/bpftrace'];

/** The producers of this host, of the kind that is wanted. `places`: where bpftrace may be, for tests. */
export async function findProducers(
  wanted: 'auto' | 'libbpf' | 'bpftrace',
  options: ProducerOptions,
  places: readonly string[] = BPFTRACE_PLACES,
): Promise<FoundProducers> {
  const candidates: ProducerCandidate[] = [];
  const refused: string[] = [];
  if (wanted !== 'bpftrace') {
    const program = libbpfPlaces(PACKAGE_ROOT).find(isExecutable);
    if (program !== undefined)
      candidates.push({ name: 'libbpf', command: libbpfCommand(program, options), explain: explainLibbpf });
  }
  if (wanted !== 'libbpf') {
    const program = places.find(isExecutable);
    const tooOld = program === undefined ? undefined : await tooOldVersion(program);
    if (tooOld !== undefined) refused.push(`bpftrace ${tooOld} is too old: ${BPFTRACE_LEAST_VERSION} is the oldest`);
    const script = `${PACKAGE_ROOT}/ebpf/sshd-otel.bt`;
    if (program !== undefined && tooOld === undefined) {
      const about = { ...readHostFacts(), ...options, script, version: VERSION };
      candidates.push({
        name: 'bpftrace',
        command: bpftraceCommand(program, about),
        prepare: () => prepareBpftrace(program, about),
        isHarmless,
        explain: (_, stderr) => explainBpftrace(stderr),
      });
    }
  }
  if (candidates.length > 0) return { candidates, refused };
  if (wanted === 'libbpf')
    return { candidates, refused, missing: 'the libbpf producer is not built', remedy: 'make build builds it' };
  const [old] = refused;
  return old === undefined
    ? {
        candidates,
        refused,
        missing: 'there is no tracer: bpftrace is not installed',
        remedy: 'apt-get install bpftrace',
      }
    : { candidates, refused, missing: old, remedy: `install bpftrace ${BPFTRACE_LEAST_VERSION} or newer` };
}

/** bpftrace, told what runs at this moment. A disk without room for that is no reason not to trace. */
export function prepareBpftrace(program: string, options: BpftraceOptions): PreparedCommand {
  const seeds = findSeedRoots(options.listenerPid);
  let factsFd: number | undefined;
  let less: string | undefined;
  try {
    factsFd = openProcFacts(seeds.pids);
  } catch (error) {
    less = `connections that are open already are told without arguments and addresses: no temporary file (${errorCode(error) ?? String(error)})`;
  }
  const release = (): void => {
    if (factsFd !== undefined) closeSync(factsFd);
  };
  return { command: bpftraceCommand(program, { ...options, seeds, factsFd }), release, less };
}

/** Its version if the script does not run with it. One that does not tell its version is tried. */
async function tooOldVersion(program: string): Promise<string | undefined> {
  const { stdout } = await runChild({ command: program, args: ['--version'] }, VERSION_MS);
  const version = parseBpftraceVersion(stdout);
  return version === undefined || isBpftraceNewEnough(version) ? undefined : version;
}

function explainLibbpf(code: number | undefined): Explanation | undefined {
  const sentence = code === undefined ? undefined : LIBBPF_EXITS.get(code);
  return sentence === undefined ? undefined : { sentence };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
