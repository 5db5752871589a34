/** Facts: what a witness says happened, or what spans tell, in one plain form; and how many are right. */

/** What a fact is about. Each has its own place in the comparator's self-test. */
export type FactKind =
  | 'peer'
  | 'monitor'
  | 'family'
  | 'whole'
  | 'user'
  | 'valid'
  | 'login'
  | 'method'
  | 'login-key'
  | 'end'
  | 'monitor-exit'
  | 'bytes'
  | 'attempt'
  | 'certificate'
  | 'keys-command'
  | 'session'
  | 'tty'
  | 'command'
  | 'requested'
  | 'session-exit'
  | 'session-end'
  | 'program'
  | 'parent'
  | 'owner'
  | 'exit'
  | 'forks'
  | 'failed-execs'
  | 'survivor'
  | 'order'
  | 'time'
  | 'login-uid'
  | 'audit-session'
  | 'container'
  | 'forward'
  | 'forward-bytes'
  | 'file'
  | 'files'
  | 'link';

/** Why no signal can tell a fact; argued in the legend of docs/fidelity.md. */
export type Unknowable =
  | 'invalid-user-keys'
  | 'family-of-scan'
  | 'producer-cannot'
  | 'exact-only'
  | 'info-level'
  | 'closed-first'
  | 'ended-together';

export interface Fact {
  readonly kind: FactKind;
  /** What it is about: connection by its client's address, then its part, for instance `127.0.0.9 attempt 2`. */
  readonly key: string;
  /** Times are ms of Unix time; a witness of one, or of forks, may say `LEAST MOST`, between which it lies. */
  readonly value: string;
  /** It may stay untold, for this reason; told, it must be right. */
  readonly unknowable?: Unknowable | undefined;
}

export interface Comparison {
  readonly right: number;
  /** `kind key: told, but EXPECTED`, one line each; what only the spans tell is among them. */
  readonly wrong: readonly string[];
  readonly missing: readonly string[];
  /** How many stayed untold that nobody could tell, by reason. */
  readonly unknowable: Readonly<Partial<Record<Unknowable, number>>>;
  /** Right ones by kind. */
  readonly kinds: Readonly<Partial<Record<FactKind, number>>>;
}

/** Moments may differ so much: strace stops a process before it looks at the clock. */
const TOLERANCE_MS = 20;

/** Told of every connection, but witnessed only where somebody counted or looked. */
const SELDOM_SEEN: ReadonlySet<FactKind> = new Set(['bytes', 'forward-bytes', 'audit-session']);

/** Compares fact by fact; both sides may tell a thing once only. */
export function compareFacts(expected: readonly Fact[], told: readonly Fact[]): Comparison {
  const wrong: string[] = [];
  const missing: string[] = [];
  const unknowable: Partial<Record<Unknowable, number>> = {};
  const kinds: Partial<Record<FactKind, number>> = {};
  let right = 0;
  const rest = new Map<string, Fact>();
  for (const fact of told) {
    const name = nameOf(fact);
    if (rest.has(name)) wrong.push(`${name}: told twice`);
    rest.set(name, fact);
  }
  const seen = new Set<string>();
  for (const fact of expected) {
    const name = nameOf(fact);
    if (seen.has(name)) throw new Error(`witnesses say it twice: ${name}`);
    seen.add(name);
    const found = rest.get(name);
    rest.delete(name);
    if (found !== undefined && same(fact, found)) {
      right++;
      kinds[fact.kind] = (kinds[fact.kind] ?? 0) + 1;
    } else if (found !== undefined) wrong.push(`${name}: ${found.value}, but it was ${fact.value}`);
    else if (fact.unknowable !== undefined) unknowable[fact.unknowable] = (unknowable[fact.unknowable] ?? 0) + 1;
    else missing.push(`${name}: ${fact.value}`);
  }
  for (const [name, fact] of rest)
    if (!SELDOM_SEEN.has(fact.kind)) wrong.push(`${name}: ${fact.value}, which no witness saw`);
  return { right, wrong, missing, unknowable, kinds };
}

function nameOf(fact: Fact): string {
  return `${fact.kind} of ${fact.key}`;
}

function same(expected: Fact, told: Fact): boolean {
  if (expected.kind === 'order') return sameOrder(JSON.parse(expected.value) as Stretch[], told.value.split(', '));
  if (expected.kind === 'forks') {
    const [least = Number.NaN, most = least] = expected.value.split(' ').map(Number);
    return Number(told.value) >= least && Number(told.value) <= most;
  }
  if (expected.kind !== 'time') return expected.value === told.value;
  const [earliest = Number.NaN, latest = Number.NaN] = expected.value.split(' ').map(Number);
  const at = Number(told.value);
  return at >= earliest - TOLERANCE_MS && at <= latest + TOLERANCE_MS;
}

/** When a program ran, as a witness of `order` tells it: name, start and end, ms. */
export type Stretch = readonly [name: string, startMs: number, endMs: number];

/** The same programs, and where one had ended before another began, in that order. */
function sameOrder(ran: readonly Stretch[], told: readonly string[]): boolean {
  const place = new Map(told.map((name, index) => [name, index]));
  if (place.size !== told.length || told.length !== ran.length) return false;
  const at = (one: Stretch) => place.get(one[0]) ?? -1;
  return ran.every(
    (one) => at(one) >= 0 && ran.every((next) => one[2] > next[1] || one === next || at(one) < at(next)),
  );
}

/** Names things of the same name apart: the first keeps it, others get `#2`, `#3`. */
export function distinct(): (name: string) => string {
  const counts = new Map<string, number>();
  return (name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count === 1 ? name : `${name}#${count}`;
  };
}
