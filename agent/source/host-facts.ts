import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** What a producer that cannot look for itself is told of the host. */
export interface HostFacts {
  /** As in `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
  /** 32 hex digits; absent where the host has none. */
  readonly machineId: string | undefined;
  readonly hostName: string;
  /** One more than the highest number that a CPU of this host can have. */
  readonly cpus: number;
}

/** Reads them. @throws Error if there is no /proc */
export function readHostFacts(): HostFacts {
  const machineId = readOptional('/etc/machine-id')?.trim();
  return {
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    machineId: machineId !== undefined && /^[0-9a-f]{32}$/.test(machineId) ? machineId : undefined,
    hostName: hostname(),
    cpus: cpuNumbers(readOptional('/sys/devices/system/cpu/possible') ?? ''),
  };
}

/** `0-3`, `0`, `0,2-7`: one more than the last number; 1 if there is none. */
export function cpuNumbers(possible: string): number {
  const last = /(\d{1,6})\s*$/.exec(possible.slice(-16))?.[1];
  return last === undefined ? 1 : Number(last) + 1;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
