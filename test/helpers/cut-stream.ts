/** Takes records out of a recorded stream, the same ones for the same seed, as a full buffer would. */

export interface CutStream {
  readonly bytes: Uint8Array;
  /** Records taken out. */
  readonly removed: number;
  /** Where they were: between the neighbours on their CPU, boot ns. */
  readonly gaps: readonly { readonly sinceNs: bigint; readonly untilNs: bigint }[];
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SECOND_NS = 1_000_000_000n;

/**
 * The stream as a producer with record numbers would have told it: a number on every kernel record, and `clock` and `seq`
 * each second. Recordings of the prototype have none of them.
 */
export function numbered(stream: Uint8Array): string[] {
  const out: string[] = [];
  const next = new Map<number, number>();
  let clock: { tsNs: bigint; wallNs: bigint } | undefined;
  for (const line of new TextDecoder().decode(stream).split('\n')) {
    if (!line.startsWith('{')) continue;
    const record = JSON.parse(line);
    if (record.k === 'hello') {
      out.push(JSON.stringify({ ...record, fills: [...(record.fills ?? []), 'seq'] }));
      for (const cpu of [0, 1]) out.push(JSON.stringify({ k: 'seq', ts: record.ts, cpu, next: 0 }));
      continue;
    }
    if (record.k === 'seed-end' || record.k === 'seq') continue;
    if (record.k === 'clock') {
      if (clock === undefined) out.push(line);
      clock ??= { tsNs: BigInt(record.ts), wallNs: BigInt(record.wall) };
      continue;
    }
    while (clock !== undefined && BigInt(record.ts) - clock.tsNs >= SECOND_NS) {
      clock = { tsNs: clock.tsNs + SECOND_NS, wallNs: clock.wallNs + SECOND_NS };
      for (const [cpu, n] of next) out.push(JSON.stringify({ k: 'seq', ts: String(clock.tsNs), cpu, next: n }));
      out.push(JSON.stringify({ k: 'clock', ts: String(clock.tsNs), wall: String(clock.wallNs) }));
    }
    if (record.cpu === undefined) {
      if (record.k === 'end') {
        for (const [cpu, n] of next) out.push(JSON.stringify({ k: 'seq', ts: record.ts, cpu, next: n }));
      }
      out.push(line);
      continue;
    }
    const seq = next.get(record.cpu) ?? 0;
    next.set(record.cpu, seq + 1);
    out.push(JSON.stringify({ ...record, seq }));
  }
  return out;
}

/** @param fraction share of the kernel records that are taken out, 0..1 */
export function cutStream(lines: readonly string[], fraction: number, seed: number): CutStream {
  const random = seeded(seed);
  const kept: string[] = [];
  const gaps: { sinceNs: bigint; untilNs: bigint }[] = [];
  const last = new Map<number, bigint>();
  const holes = new Map<number, bigint>();
  let removed = 0;
  for (const line of lines) {
    const record = JSON.parse(line);
    const cpu: number | undefined = record.cpu;
    if (cpu === undefined || record.k === 'seq') {
      kept.push(line);
      if (cpu !== undefined) closeHole(cpu, BigInt(record.ts));
      continue;
    }
    if (random() < fraction) {
      removed++;
      if (!holes.has(cpu)) holes.set(cpu, last.get(cpu) ?? 0n);
      continue;
    }
    closeHole(cpu, BigInt(record.ts));
    last.set(cpu, BigInt(record.ts));
    kept.push(line);
  }
  function closeHole(cpu: number, untilNs: bigint): void {
    const sinceNs = holes.get(cpu);
    if (sinceNs === undefined) return;
    holes.delete(cpu);
    gaps.push({ sinceNs, untilNs });
  }
  for (const sinceNs of holes.values()) gaps.push({ sinceNs, untilNs: 1n << 63n });
  return { bytes: new TextEncoder().encode(`${kept.join('\n')}\n`), removed, gaps };
}
