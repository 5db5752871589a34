/** Addresses as numbers, to tell whether one lies in a network. */

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Whether an address in text form lies in one of some networks (`192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`). */
export type NetworkTest = (address: string) => boolean;

/** What is no address or network matches nothing. IPv4 addresses mapped into IPv6 count as IPv4. */
export function networkTest(networks: readonly string[]): NetworkTest {
  /** By width and prefix length: the prefixes. */
  const known = new Map<string, { readonly bits: number; readonly shift: bigint; readonly prefixes: Set<bigint> }>();
  for (const network of networks) {
    const slash = network.indexOf('/');
    const address = parseAddress(slash < 0 ? network : network.slice(0, slash));
    if (address === undefined) continue;
    const length = slash < 0 ? address.bits : Number(network.slice(slash + 1));
    if (!(length >= 0 && length <= address.bits)) continue;
    const shift = BigInt(address.bits - length);
    const key = `${address.bits}/${length}`;
    const group = known.get(key) ?? { bits: address.bits, shift, prefixes: new Set<bigint>() };
    group.prefixes.add(address.value >> shift);
    known.set(key, group);
  }
  return (text) => {
    const address = known.size === 0 ? undefined : parseAddress(text);
    if (address === undefined) return false;
    for (const { bits, shift, prefixes } of known.values())
      if (bits === address.bits && prefixes.has(address.value >> shift)) return true;
    return false;
  };
}

/**
 * Whom to count an address as: an IPv4 address alone, of IPv6 the network of 64 bits, since one host has all of it.
 * Undefined for what is no address.
 */
export function sourceNetwork(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  if (address.bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address.value >> shift) & 0xffn).join('.');
  const groups = [112n, 96n, 80n, 64n].map((shift) => ((address.value >> shift) & 0xffffn).toString(16));
  while (groups.at(-1) === '0') groups.pop();
  return `${groups.join(':')}::/64`;
}

function parseAddress(text: string): Address | undefined {
  const zone = text.indexOf('%');
  const plain = zone < 0 ? text : text.slice(0, zone);
  if (!plain.includes(':')) {
    const value = parseIpv4(plain);
    return value === undefined ? undefined : { bits: 32, value };
  }
  const value = parseIpv6(plain);
  if (value === undefined) return undefined;
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value };
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : groupsOf(half)));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const given = head.length + (tail?.length ?? 0);
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const groups = [...head, ...Array.from({ length: 8 - given }, () => 0), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function groupsOf(text: string): number[] | undefined {
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1 && part.includes('.')) {
      const value = parseIpv4(part);
      if (value === undefined) return undefined;
      groups.push(Number(value >> 16n), Number(value & 0xffffn));
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
