import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../config/version.ts';
import { bpftraceCommand } from '../source/bpftrace-producer.ts';
import { readHostFacts } from '../source/host-facts.ts';
import { LIBBPF_EXITS, libbpfCommand, libbpfPlaces } from '../source/libbpf-producer.ts';
import { findSeedRoots } from '../source/proc-seeds.ts';
import { explainBpftrace, isHarmless } from '../source/producer-errors.ts';
import type { Explanation, ProducerCandidate } from './supervisor.ts';

export interface ProducerOptions {
  /** Trace only the sshd that listens with this pid. */
  readonly listenerPid?: number | undefined;
}

export interface FoundProducers {
  /** Best first. */
  readonly candidates: readonly ProducerCandidate[];
  /** Why there is none. */
  readonly missing?: string | undefined;
  readonly remedy?: string | undefined;
}

/** The folder that holds this package. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const BPFTRACE_PLACES = ['/usr/bin/bpftrace', '/usr/sbin/bpftrace', '/usr/local/bin/bpftrace'];

/** The producers of this host, of the kind that is wanted. */
export async function findProducers(
  wanted: 'auto' | 'libbpf' | 'bpftrace',
  options: ProducerOptions,
): Promise<FoundProducers> {
  const candidates: ProducerCandidate[] = [];
  if (wanted !== 'bpftrace') {
    const program = libbpfPlaces(PACKAGE_ROOT).find(isExecutable);
    if (program !== undefined)
      candidates.push({ name: 'libbpf', command: libbpfCommand(program, options), explain: explainLibbpf });
  }
  if (wanted !== 'libbpf') {
    const program = BPFTRACE_PLACES.find(isExecutable);
    const script = `${PACKAGE_ROOT}/ebpf/sshd-otel.bt`;
    if (program !== undefined) {
      const seeds = findSeedRoots(options.listenerPid);
      const command = bpftraceCommand(program, { ...readHostFacts(), ...options, script, seeds, version: VERSION });
      candidates.push({ name: 'bpftrace', command, isHarmless, explain: (_, stderr) => explainBpftrace(stderr) });
    }
  }
  if (candidates.length > 0) return { candidates };
  return wanted === 'libbpf'
    ? { candidates, missing: 'the libbpf producer is not built', remedy: 'make build builds it' }
    : { candidates, missing: 'there is no tracer: bpftrace is not installed', remedy: 'apt-get install bpftrace' };
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
