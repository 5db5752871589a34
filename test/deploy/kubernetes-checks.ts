/**
 * Whether Kubernetes would take an object, without one. Two checks, for each finds what the other doesn't: types find unknown
 * fields, models find wrong formats, quantities and ranges.
 */
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { Values } from '../../deploy/kubernetes/chart.ts';
import { compilerFaults } from './compiler-faults.ts';

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
export function typeFaults(objects: readonly Values[]): Promise<string> {
  return compilerFaults(
    objects.flatMap((object, i) => {
      const file = object['apiVersion'] === 'apps/v1' ? 'apps/v1' : 'core/v1';
      return [
        `import type { ${object['kind']} as T${i} } from 'kubernetes-types/${file}.d.ts';`,
        `export const object${i}: T${i} = ${JSON.stringify(object)};`,
      ];
    }),
  );
}
