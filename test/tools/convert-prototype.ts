/**
 * Converts recordings of the prototype producer into the event format, version 1:
 *
 *     node test/tools/convert-prototype.ts FOLDER
 *
 * reads FOLDER/NAME.ndjson.xz and writes test/streams/NAME-story.ndjson.gz. The converted files are kept in the
 * repository; the tool stays so that everyone can see what was changed.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { convertRecord, type PrototypeRecord, parsePrototype } from './prototype-record.ts';

/** One recording and what must be known to convert it. */
export interface Recording {
  /** Name of the prototype's file, without `.ndjson.xz`. */
  readonly source: string;
  /** Name of the converted file, without `.ndjson.gz`. */
  readonly target: string;
  /** False: sshd ran with privilege separation off, so no frame is a monitor message. */
  readonly privsep: boolean;
  readonly bootId: string;
}

function bootId(number: string): string {
  return `00000000-0000-4000-8000-${number.padStart(12, '0')}`;
}

export const RECORDINGS: readonly Recording[] = [
  { source: '8.4-debian', target: '8.4-debian-story', privsep: true, bootId: bootId('84') },
  { source: '9.2-debian', target: '9.2-debian-story', privsep: true, bootId: bootId('92') },
  { source: '9.9-upstream', target: '9.9-upstream-story', privsep: true, bootId: bootId('99') },
  { source: '10.0-debian', target: '10.0-debian-story', privsep: true, bootId: bootId('100') },
  { source: 'sid', target: '10.6-debian-story', privsep: true, bootId: bootId('106') },
  { source: '8.4-privsep-off', target: '8.4-privsep-off-story', privsep: false, bootId: bootId('840') },
];

/** The five tracepoints of the prototype. */
const HOOKS = [
  'sched_process_fork',
  'sched_process_exec',
  'sched_process_exit',
  'inet_sock_set_state',
  'sock_send_length',
];
const FILLS = ['accept', 'tcp', 'log', 'mon', 'setsid', 'setresuid', 'conn', 'role', 'exec.file', 'exit.title'];

function explanation(recording: Recording, dropped: number): string[] {
  const lines = [
    `Converted by test/tools/convert-prototype.ts from ${recording.source}.ndjson.xz, a recording of the prototype of the`,
    'libbpf producer while the story above ran against a real sshd. What the conversion changed:',
    '- 64-bit values as strings, roles by name, "sk" a running number instead of an address of the kernel;',
    '- "luid" -1 and a local port 0 are unknown, so absent; "uid" of fork was the real one alone, so it is left out;',
    '- setsid and setresuid say "late": the prototype had no system call hooks;',
    '- "tx" is its tx_sent; "total" of mon is what was copied, for nothing was cut;',
    '- hello, seed-end and end were added. The prototype recorded no boot id: the one in hello is made up.',
    'It numbered no records, so there is no "seq" and loss cannot be seen; it counted none itself.',
  ];
  if (!recording.privsep) {
    lines.push(
      `${dropped} "mon" records were left out: without privilege separation no frame is a monitor message (they were the`,
      "PAM child's), and the format promises that there are none.",
    );
  }
  return lines.map((line) => `# ${line}`);
}

/** The converted stream: comment lines, then records. */
export function convertStream(prototype: string, recording: Recording): string {
  const story: string[] = [];
  const records: PrototypeRecord[] = [];
  for (const line of prototype.split('\n')) {
    if (line.startsWith('#')) story.push(line);
    else if (line !== '') records.push(parsePrototype(line));
  }
  const kept = recording.privsep ? records : records.filter(({ k }) => k !== 'mon');
  const [clock, ...live] = kept;
  if (clock === undefined || clock.k !== 'clock')
    throw new TypeError('the recording does not begin with a clock record');

  const cookies = new Map<string, number>();
  const { ts } = clock;
  const endTs = kept.map((record) => String(record.ts)).reduce((a, b) => (BigInt(a) > BigInt(b) ? a : b));
  const hello = {
    k: 'hello',
    v: 1,
    ts,
    producer: 'converted',
    version: 'prototype',
    hooks: HOOKS,
    fills: FILLS,
    boot_id: recording.bootId,
  };
  const out = [hello, convertRecord(clock, cookies), { k: 'seed-end', ts, n: 0 }];
  out.push(...live.map((record) => convertRecord(record, cookies)));
  out.push({ k: 'end', ts: endTs, records: out.length, lost: 0 });
  const lines = [
    ...story,
    ...explanation(recording, records.length - kept.length),
    ...out.map((r) => JSON.stringify(r)),
  ];
  return `${lines.join('\n')}\n`;
}

function main(folder: string): void {
  for (const recording of RECORDINGS) {
    const prototype = execFileSync('xz', ['-dc', join(folder, `${recording.source}.ndjson.xz`)], {
      encoding: 'latin1',
      maxBuffer: 2 ** 28,
    });
    const target = join(import.meta.dirname, '..', 'streams', `${recording.target}.ndjson.gz`);
    writeFileSync(target, gzipSync(convertStream(prototype, recording), { level: 9 }));
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    process.stderr.write('usage: node test/tools/convert-prototype.ts FOLDER\n');
    process.exitCode = 2;
  } else {
    main(folder);
  }
}
