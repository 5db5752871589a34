/** Checks of values, which types cannot make: formats, quantities, ranges. Unknown fields are not found here. */
import { DaemonSet } from 'kubernetes-models/apps/v1/DaemonSet';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';

const MODELS: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
  DaemonSet,
  ConfigMap,
  ServiceAccount,
};

/** @throws Error if there is no model of its kind */
export function modelFaults(object: Readonly<Record<string, unknown>>): string[] {
  const Model = MODELS[String(object['kind'])];
  if (Model === undefined) throw new Error(`no model of ${object['kind']}`);
  try {
    new Model(object as never).validate();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
