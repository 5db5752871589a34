/** Attributes read back with their types: a drawing is made from what was told, and from nothing else. */
import type { SpanRecord } from '../span/span-record.ts';

export function textOf(span: SpanRecord, name: string): string | undefined {
  const value = span.attributes[name];
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(span: SpanRecord, name: string): number | undefined {
  const value = span.attributes[name];
  return typeof value === 'number' ? value : undefined;
}

export function isSet(span: SpanRecord, name: string): boolean {
  return span.attributes[name] === true;
}

export function listOf(span: SpanRecord, name: string): readonly string[] {
  const value = span.attributes[name];
  return typeof value === 'object' ? value : [];
}
