/** What processes take, as the kernel counts it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** CPU time of a process so far, ns, of all threads that still run. 0 if it is gone. */
export function cpuNs(pid: number): number {
  let sum = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    }
  } catch {
    // Gone meanwhile.
  }
  return sum;
}

/** Resident memory now and at most so far, bytes. */
export function memory(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM') };
}

/** All that a process has started and that still runs, nearest first. */
export function descendants(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8');
      children.push(...text.split(' ').filter(Boolean).map(Number));
    }
  } catch {
    // Gone meanwhile.
  }
  return [...children, ...children.flatMap(descendants)];
}

export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
}

/** Descriptors of perf events, BPF programs and links that a process holds. */
export function tracingDescriptors(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
      try {
        return /perf_event|bpf/.test(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    }).length;
  } catch {
    return 0;
  }
}

/** How often a BPF program ran and how long in all, since it was loaded and the kernel measured. */
export interface ProgramTime {
  readonly runs: number;
  readonly ns: number;
}

/** The BPF programs that a process holds, by their number. */
export function programTimes(pid: number): ReadonlyMap<number, ProgramTime> {
  const programs = new Map<number, ProgramTime>();
  for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
    let text: string;
    try {
      text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    } catch {
      continue;
    }
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    const id = field('prog_id');
    // A link names its program, too, but not what it did.
    if (!Number.isNaN(id) && !Number.isNaN(field('run_cnt')))
      programs.set(id, { runs: field('run_cnt'), ns: field('run_time_ns') });
  }
  return programs;
}
