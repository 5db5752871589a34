import type { AttributeValue } from './span-record.ts';

/** Attributes under construction. */
export type Attributes = Record<string, AttributeValue>;

/** Sets what is known: `undefined` is no value and leaves the attribute out. */
export function put(attributes: Attributes, name: string, value: AttributeValue | undefined): void {
  if (value !== undefined) attributes[name] = value;
}

/** Sets `true`, and leaves the attribute out otherwise. */
export function putFlag(attributes: Attributes, name: string, value: boolean | undefined): void {
  if (value === true) attributes[name] = true;
}

/** Sets a counter unless it is zero, or not known. */
export function putCount(attributes: Attributes, name: string, value: number | undefined): void {
  if (value !== undefined && value !== 0) attributes[name] = value;
}

/** Durations on spans are seconds, as the conventions have them. */
export function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}
