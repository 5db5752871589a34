/**
 * Twins of cells. Without strace, which slows all that it sees, the same story checks times: said by the clients, by sshd's
 * log and by sleep(1). At LogLevel VERBOSE it checks rows at INFO, where the log leaves out most of what the facts say.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLine } from '../../agent/lab/witness-log.ts';
import { ATTR } from '../../agent/span/attributes.ts';
import type { SpanRecord } from '../../agent/span/span-record.ts';
import { parseServerLog } from '../live/witness/server-log.ts';
import type { Part } from './cast.ts';
import { readClient } from './client-story.ts';
import { distinct, type Fact, type FactKind } from './facts.ts';

/** What an AuthorizedKeysCommand or a shell adds to its `sleep`: two or three programs are started. */
const SCRIPT_MS = 25;
const SLEEP_MS = 10;
/** A log line is read so late at most, by when its sender may be gone. */
const LOG_LAG_MS = 50;

export interface TwinTestimony {
  readonly parts: readonly Part[];
  readonly log: readonly LogLine[];
  /** Where the clients' passwords were typed from. */
  readonly folder: string;
  /** How long an AuthorizedKeysCommand sleeps. */
  readonly keysSeconds: number;
  /** When nobody was left, ms of Unix time. */
  readonly settledMs: number;
}

/** What is known without strace, above all when it was. */
export function unstracedFacts({ parts, log, folder, keysSeconds, settledMs }: TwinTestimony): Fact[] {
  const facts: Fact[] = [];
  const say = (kind: FactKind, key: string, value: unknown) => facts.push({ kind, key, value: String(value) });
  const typed = typedTimes(folder);
  for (const part of parts) {
    if (part.rides || part.run === undefined) continue;
    const key = part.address;
    const from = log.find((line) => line.text.startsWith(`Connection from ${key} port `));
    if (from?.pid === undefined) throw new Error(`${key}: sshd did not log that it came`);
    const logged = parseServerLog(log).find((one) => one.monitorPid === from.pid);
    const lines = log.filter((line) => line.pid === from.pid || line.pid === logged?.userChildPid);
    const story = readClient(part.run.stderr);
    say('peer', key, `${key}:${logged?.peerPort}`);
    say('monitor', key, from.pid);
    say('user', key, part.user);
    say('login', key, story.authenticated ? 'yes' : 'no');
    say('time', `${key} start`, `${part.run.startedMs} ${from.receivedMs}`);
    say('time', `${key} end`, `${(lines.at(-1)?.receivedMs ?? Number.NaN) - LOG_LAG_MS} ${settledMs}`);
    const keys = story.attempts.filter((attempt) => attempt.method === 'publickey').length;
    for (let run = 1; run <= keys; run++)
      say('time', `${key} keys command ${run} took`, `${keysSeconds * 1000} ${keysSeconds * 1000 + SCRIPT_MS}`);
    const name = distinct();
    for (const rider of parts.filter((one) => one.address === key && one.run?.signal === undefined))
      for (const [, seconds] of rider.command?.matchAll(/\bsleep (\d+(?:\.\d+)?)/g) ?? [])
        say(
          'time',
          name(`${key} sleep ${seconds} took`),
          `${Number(seconds) * 1000} ${Number(seconds) * 1000 + SLEEP_MS}`,
        );
    const passwords = story.attempts.filter((attempt) => attempt.method === 'password');
    for (const index of passwords.keys()) {
      const [, sentMs] = typed[index] ?? [];
      const [nextMs] = typed[index + 1] ?? [part.run.endedMs];
      say('time', `${key} password ${index + 1} began`, `${sentMs} ${nextMs}`);
      say('time', `${key} password ${index + 1} ended`, `${sentMs} ${nextMs}`);
    }
  }
  return facts;
}

/** When each password was asked for and given, ms of Unix time. */
function typedTimes(folder: string): [number, number][] {
  const files = readdirSync(folder).filter((name) => /^answers-\d+\.times$/.test(name));
  const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'));
  return lines.map((line) => {
    const [asked = Number.NaN, given = Number.NaN] = line.split(' ').map((us) => Number(us) / 1000);
    return [asked, given];
  });
}

/** The same, as spans tell it. What slept that no witness saw begin (typed into a terminal, or cut short) is left out. */
export function toldWithoutStrace(spans: readonly SpanRecord[], expected: readonly Fact[]): Fact[] {
  const slept = new Set(expected.map((fact) => fact.key));
  const facts: Fact[] = [];
  const say = (kind: FactKind, key: string, value: unknown) => facts.push({ kind, key, value: String(value) });
  const ms = (ns: bigint) => Number(ns / 1000n) / 1000;
  for (const root of spans.filter((span) => span.root)) {
    const is = (name: string) => root.attributes[name];
    const key = String(is(ATTR.clientAddress));
    const own = spans
      .filter((span) => span.attributes[ATTR.connectionId] === is(ATTR.connectionId))
      .sort((a, b) => Number(a.startNs - b.startNs));
    say('peer', key, `${key}:${is(ATTR.clientPort)}`);
    say('monitor', key, is(ATTR.pid));
    say('user', key, is(ATTR.userName));
    say('login', key, is(ATTR.authResult) === 'accepted' ? 'yes' : 'no');
    say('time', `${key} start`, ms(root.startNs));
    say('time', `${key} end`, ms(root.endNs));
    const runs = own.filter((span) => span.name === 'ssh.authorized_keys_command');
    for (const [index, run] of runs.entries())
      say('time', `${key} keys command ${index + 1} took`, ms(run.endNs - run.startNs));
    const helpers = new Set(runs.map((run) => run.spanId));
    const name = distinct();
    for (const span of own) {
      const [program, seconds] = (span.attributes[ATTR.commandArgs] as readonly string[] | undefined) ?? [];
      if (program?.split('/').at(-1) !== 'sleep' || helpers.has(span.parentSpanId ?? '')) continue;
      const what = name(`${key} sleep ${seconds} took`);
      if (slept.has(what)) say('time', what, ms(span.endNs - span.startNs));
    }
    const passwords = own.filter(
      (span) => span.name === 'ssh.auth.attempt' && span.attributes[ATTR.authMethod] === 'password',
    );
    for (const [index, span] of passwords.entries()) {
      say('time', `${key} password ${index + 1} began`, ms(span.startNs));
      say('time', `${key} password ${index + 1} ended`, ms(span.endNs));
    }
  }
  return facts;
}

/** Kinds that a run at INFO must have as one at VERBOSE, where the log says all of them. */
const SAME: ReadonlySet<FactKind> = new Set([
  ...(['user', 'valid', 'login', 'method', 'end', 'attempt', 'session'] as const),
  ...(['command', 'requested', 'session-exit', 'session-end', 'monitor-exit'] as const),
]);

/** @throws Error if the witnesses of two runs of one story say different things of them, but for the keys that were made for each */
export function checkTwins(one: readonly Fact[], twin: readonly Fact[]): void {
  const [ours, theirs] = [shapeOf(one), shapeOf(twin)];
  const only = (these: readonly string[], those: readonly string[]) =>
    these.filter((line) => !those.includes(line)).join('; ');
  if (ours.join('\n') !== theirs.join('\n'))
    throw new Error(`witnesses say at INFO alone: ${only(ours, theirs)}; at VERBOSE alone: ${only(theirs, ours)}`);
}

function shapeOf(facts: readonly Fact[]): string[] {
  const keys: string[] = [];
  const plain = (text: string) =>
    text.replaceAll(/SHA256:\S{43}/g, (key) => {
      if (!keys.includes(key)) keys.push(key);
      return `key ${keys.indexOf(key) + 1}`;
    });
  // Sessions that are opened at once begin in any order.
  const same = facts
    .filter((fact) => SAME.has(fact.kind))
    .map(({ kind, key, value }) => plain(`${kind} ${key.replace(/ session \d+$/, ' session')}: ${value}`));
  return same.sort();
}
