/**
 * Whether Kubernetes would take an object, without one. Two checks, for each finds what the other doesn't: types find unknown
 * fields, models find wrong formats, quantities and ranges.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { runChild } from '../../agent/source/child-process.ts';
import type { Values } from '../../deploy/kubernetes/chart.ts';
import { ROOT } from '../../deploy/package/bundle.ts';

const MODELS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  DaemonSet,
  ConfigMap,
  ServiceAccount,
};

/** @throws Error if there is no model of its kind */
export function modelFaults(object: Values): string[] {
  const Model = MODELS[String(object['kind'])];
  if (Model === undefined) throw new Error(`no model of ${object['kind']}`);
  try {
    new Model(object as never).validate();
    return [];
  } catch (error) {
    return [String(error)];
  }
}

/** Objects as typed literals, given to the compiler. @returns its complaints */
export async function typeFaults(objects: readonly Values[]): Promise<string> {
  mkdirSync(join(ROOT, '.output'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.output/chart-'));
  try {
    const lines = objects.flatMap((object, i) => {
      const file = object['apiVersion'] === 'apps/v1' ? 'apps/v1' : 'core/v1';
      const type = `T${i}`;
      return [
        `import type { ${object['kind']} as ${type} } from 'kubernetes-types/${file}.d.ts';`,
        `export const object${i}: ${type} = ${JSON.stringify(object)};`,
      ];
    });
    writeFileSync(join(folder, 'objects.ts'), lines.join('\n'));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'NodeNext',
      types: [],
      allowImportingTsExtensions: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['objects.ts'] }));
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
