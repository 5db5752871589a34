import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChild } from '../../agent/source/child-process.ts';
import { ROOT } from '../../deploy/package/bundle.ts';

/** @param lines of a module @returns what the compiler says against it; empty: nothing */
export async function compilerFaults(lines: readonly string[]): Promise<string> {
  // Inside this folder, so that it finds the packages.
  mkdirSync(join(ROOT, '.output'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.output/literals-'));
  try {
    writeFileSync(join(folder, 'literals.ts'), lines.join('\n'));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'NodeNext',
      types: [],
      skipLibCheck: true,
      allowImportingTsExtensions: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['literals.ts'] }));
    const { code, stdout, reason, stderr } = await runChild(
      { command: process.execPath, args: [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder] },
      60_000,
    );
    assert.ok(code !== undefined, `tsc ${reason}: ${stderr}`);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
