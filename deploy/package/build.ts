/** What the builders of packages share: their command line, and a tree to fill. */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from './bundle.ts';
import type { Architecture } from './node-binary.ts';
import { run } from './run.ts';
import { type Built, buildTree } from './tree.ts';

export interface Order extends Built {
  readonly architecture: Architecture;
  /** Little compression: for tests. */
  readonly fast: boolean;
  /** Where the package goes. */
  readonly out: string;
}

/**
 * Fills a tree in a temporary folder and lets `pack` make a package of it; its path is printed.
 * @param pack gets the tree, returns the package
 */
export async function buildPackage(pack: (tree: string, order: Order) => Promise<string>): Promise<void> {
  const order = await readOrder();
  const folder = mkdtempSync(join(tmpdir(), 'sshd-otel-package-'));
  try {
    const tree = join(folder, `sshd-otel-${order.version}-${order.architecture}`);
    mkdirSync(tree);
    chmodSync(tree, 0o755);
    await buildTree(tree, order.architecture, order);
    mkdirSync(order.out, { recursive: true });
    process.stdout.write(`${await pack(tree, order)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Dates are that of the last commit, unless SOURCE_DATE_EPOCH says another. */
async function readOrder(): Promise<Order> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
      fast: { type: 'boolean', default: false },
      out: { type: 'string', default: join(ROOT, '.output/packages') },
    },
  });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const told = process.env['SOURCE_DATE_EPOCH'] ?? (await run('git', ['-C', ROOT, 'log', '-1', '--format=%ct']));
  return { ...values, architecture: architectureOf(values.arch), version, epoch: Number(told) };
}

function architectureOf(name: string): Architecture {
  if (name === 'amd64' || name === 'arm64') return name;
  throw new Error(`--arch: expected amd64 or arm64, got ${name}`);
}

/** Everything below `folder`. */
export function entriesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

/** Bytes of all files. */
export function sizeOf(folder: string): number {
  return entriesOf(folder).reduce((bytes, path) => bytes + lstatSync(path).size, 0);
}

/** Gives everything the same date. */
export function dateAll(folder: string, epoch: number): void {
  for (const path of [...entriesOf(folder), folder]) utimesSync(path, epoch, epoch);
}
