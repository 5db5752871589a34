/** How much stack BPF programs take, from the object that clang made: what old verifiers refuse, without booting them. */

/** What kernels add up for a program and all that it calls: at most 512 bytes, each frame rounded up to 32. */
export const STACK_LIMIT = 512;
const FRAME_STEP = 32;

const [SHT_SYMTAB, SHT_REL] = [2, 9];
const STT_FUNC = 2;
const [CALL, LOAD_64, MOV_64, ADD_64] = [0x85, 0x18, 0xbf, 0x07];
const PSEUDO_CALL = 1;
const FRAME_POINTER = 10;
const STEP = 8;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly executable: boolean;
  readonly link: number;
  readonly info: number;
  readonly data: Buffer;
}

interface Symbol {
  readonly name: string;
  readonly type: number;
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

interface Called {
  readonly name: string;
  /** Bytes below the frame pointer that it touches. */
  readonly frame: number;
  readonly calls: readonly string[];
}

export interface Chain {
  readonly program: string;
  /** Bytes of the deepest chain of calls. */
  readonly stack: number;
  /** That chain, each with its own bytes. */
  readonly path: string;
}

/** Of each program in an object that clang made, the deepest chain. @throws Error where a call leads nowhere */
export function stacksOf(object: Buffer): Chain[] {
  const sections = sectionsOf(object);
  const symbols = symbolsOf(sections);
  const functions = symbols.filter((symbol) => symbol.type === STT_FUNC && sections[symbol.section]?.executable);
  const known = new Map(functions.map((symbol) => [symbol.name, called(symbol, sections, symbols, functions)]));
  return functions
    .filter((symbol) => sections[symbol.section]?.name !== '.text')
    .map(({ name }) => ({ program: name, ...deepest(name, known) }));
}

function deepest(name: string, known: ReadonlyMap<string, Called>): Omit<Chain, 'program'> {
  const own = known.get(name);
  if (own === undefined) throw new Error(`no function ${name}`);
  const below = own.calls.map((callee) => deepest(callee, known)).toSorted((a, b) => b.stack - a.stack)[0];
  const stack = Math.ceil(Math.max(own.frame, 1) / FRAME_STEP) * FRAME_STEP;
  const path = `${name} ${own.frame}`;
  return below === undefined ? { stack, path } : { stack: stack + below.stack, path: `${path} > ${below.path}` };
}

function called(
  { name, section, value, size }: Symbol,
  sections: readonly Section[],
  symbols: readonly Symbol[],
  functions: readonly Symbol[],
): Called {
  const code = sections[section]?.data.subarray(value, value + size) ?? Buffer.alloc(0);
  const moved = relocationsOf(sections, section);
  const calls = new Set<string>();
  for (let at = 0; at < code.length; at += STEP) {
    const source = (code[at + 1] ?? 0) >> 4;
    if (code[at] === CALL && source === PSEUDO_CALL) {
      const symbol = symbols[moved.get(value + at) ?? -1];
      const step = code.readInt32LE(at + 4) + 1;
      const to =
        symbol?.type === STT_FUNC
          ? symbol
          : functions.find((one) =>
              symbol === undefined
                ? one.section === section && one.value === value + at + step * STEP
                : one.section === symbol.section && one.value === step * STEP,
            );
      if (to === undefined) throw new Error(`${name} calls at ${at} what is no function`);
      calls.add(to.name);
    }
    if (code[at] === LOAD_64) at += STEP; // of two steps
  }
  return { name, frame: frameOf(code), calls: [...calls] };
}

/** The lowest address that is read or written by the frame pointer, or given to a helper as a sum of it. */
function frameOf(code: Buffer): number {
  const copies = new Map<number, number>([[FRAME_POINTER, 0]]);
  let lowest = 0;
  for (let at = 0; at < code.length; at += STEP) {
    const [op = 0, registers = 0] = code.subarray(at, at + 2);
    const [target, source] = [registers & 15, registers >> 4];
    const kind = op & 7;
    const base = copies.get(kind === 1 ? source : target);
    if (kind >= 1 && kind <= 3 && base !== undefined) lowest = Math.min(lowest, base + code.readInt16LE(at + 2));
    const from = copies.get(source);
    if (op === MOV_64 && from !== undefined) {
      copies.set(target, from);
    } else if (op === ADD_64 && copies.has(target)) {
      copies.set(target, (copies.get(target) ?? 0) + code.readInt32LE(at + 4));
      lowest = Math.min(lowest, copies.get(target) ?? 0);
    } else if (op === CALL) {
      for (let register = 0; register <= 5; register++) copies.delete(register);
    } else if (kind === 0 || kind === 1 || kind === 4 || kind === 7) {
      copies.delete(target); // loaded, or computed
    }
    if (op === LOAD_64) at += STEP;
  }
  return -lowest;
}

function sectionsOf(object: Buffer): Section[] {
  const [table, size, count] = [Number(object.readBigUInt64LE(40)), object.readUInt16LE(58), object.readUInt16LE(60)];
  const headers = Array.from({ length: count }, (_, i) => object.subarray(table + i * size, table + (i + 1) * size));
  const names = contentOf(object, headers[object.readUInt16LE(62)]);
  return headers.map((header) => ({
    name: textAt(names, header.readUInt32LE(0)),
    type: header.readUInt32LE(4),
    executable: (header.readUInt32LE(8) & 4) !== 0,
    link: header.readUInt32LE(40),
    info: header.readUInt32LE(44),
    data: contentOf(object, header),
  }));
}

function contentOf(object: Buffer, header: Buffer | undefined): Buffer {
  if (header === undefined) return Buffer.alloc(0);
  const [offset, size] = [Number(header.readBigUInt64LE(24)), Number(header.readBigUInt64LE(32))];
  return object.subarray(offset, offset + size);
}

function symbolsOf(sections: readonly Section[]): Symbol[] {
  const table = sections.find((section) => section.type === SHT_SYMTAB);
  const names = sections[table?.link ?? 0]?.data ?? Buffer.alloc(0);
  const symbols: Symbol[] = [];
  for (let at = 0; at < (table?.data.length ?? 0); at += 24) {
    const entry = table?.data.subarray(at, at + 24) ?? Buffer.alloc(24);
    symbols.push({
      name: textAt(names, entry.readUInt32LE(0)),
      type: (entry[4] ?? 0) & 15,
      section: entry.readUInt16LE(6),
      value: Number(entry.readBigUInt64LE(8)),
      size: Number(entry.readBigUInt64LE(16)),
    });
  }
  return symbols;
}

/** Place in a section to number of a symbol. */
function relocationsOf(sections: readonly Section[], section: number): Map<number, number> {
  const moved = new Map<number, number>();
  for (const { data } of sections.filter(({ type, info }) => type === SHT_REL && info === section))
    for (let at = 0; at < data.length; at += 16)
      moved.set(Number(data.readBigUInt64LE(at)), data.readUInt32LE(at + 12));
  return moved;
}

function textAt(names: Buffer, at: number): string {
  return names.toString('latin1', at, names.indexOf(0, at));
}
