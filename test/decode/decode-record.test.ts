import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedVersionError } from '../../agent/decode/decode-error.ts';
import type { FileEvent } from '../../agent/decode/kernel-event.ts';
import { decodeRecords, hex, setsid, textOf } from './decoding.ts';

const HELLO = { k: 'hello', v: 1, ts: '1', producer: 'libbpf', version: '1.0' };
const FORWARD = { k: 'forward', ts: '1', pid: 7, start: '1', sk: '5', op: 'connect', old: 7, new: 2 };
const EXEC = { k: 'exec', ts: '5', pid: 7, start: '1' };

/** What became of one record: its event, or the kind of fault and the field. */
function outcome(record: object | string): unknown {
  const { events, decoder } = decodeRecords([record]);
  const [error] = decoder.errors;
  return error === undefined ? events[0] : `${error.kind} ${error.field ?? ''}`.trim();
}

describe('decoding a record', () => {
  it('leaves absent what the producer left out', () => {
    const event = outcome(EXEC) as Record<string, unknown>;
    const told = Object.entries(event).filter(([, value]) => value !== undefined);
    assert.deepEqual(told, [
      ['kind', 'exec'],
      ['tsNs', 5n],
      ['process', { pid: 7, startNs: 1n }],
      ['env', []],
    ]);
  });

  it('reads who accepted on which unix socket, whatever bytes its path has', () => {
    const path = '2f72756e2fff0a22';
    const event = outcome({ ...FORWARD, op: 'accept', of: '18446744073709551615', family: 'unix', path, new: 1 });
    assert.ok(typeof event === 'object' && event !== null && 'path' in event && 'listener' in event);
    assert.deepEqual([event.listener, event.path], ['18446744073709551615', Uint8Array.from(Buffer.from(path, 'hex'))]);
  });

  it('ignores unknown fields', () => {
    assert.deepEqual(outcome({ ...EXEC, colour: 'red', constructor: 1, toString: {} }), outcome(EXEC));
  });

  it('holds 64-bit values exactly', () => {
    const start = '18446744073709551615';
    const event = outcome(setsid('9007199254740993', { start })) as { tsNs: bigint; process: { startNs: bigint } };
    assert.equal(event.tsNs, 9007199254740993n);
    assert.equal(event.process.startNs, 18446744073709551615n);
  });

  it('makes one object of a repeated identity, and another of a reused pid', () => {
    const { events } = decodeRecords([setsid(1), setsid(2), setsid(3, { start: '2' })]);
    const [first, second, third] = events.map((event) => ('process' in event ? event.process : undefined));
    assert.equal(first, second);
    assert.deepEqual(third, { pid: 7, startNs: 2n });
  });

  it('takes the unset audit uid as unknown', () => {
    assert.equal((outcome({ ...EXEC, luid: 0xffff_ffff }) as { loginUid?: number }).loginUid, undefined);
    assert.equal((outcome({ ...EXEC, luid: 0 }) as { loginUid?: number }).loginUid, 0);
  });

  it('trims the padding of fixed buffers but not the end of argv', () => {
    const event = outcome({ ...EXEC, comm: '73 68 00 00', file: '2f6100', argv: '6100', argv_len: 9 });
    const { comm, file, argv } = event as { comm: Uint8Array; file: object; argv: object };
    assert.equal(textOf(comm), 'sh');
    assert.deepEqual(file, { bytes: Uint8Array.of(0x2f, 0x61), length: 2 });
    assert.deepEqual(argv, { bytes: Uint8Array.of(0x61, 0), length: 9 });
  });

  it('reads a negative errno', () => {
    assert.equal((outcome({ k: 'execfail', ts: '1', pid: 7, start: '1', ret: -2 }) as { ret: number }).ret, -2);
  });

  const file = { k: 'file', ts: '9', pid: 7, start: '1', op: 'rename', id: 3, ret: -17 };

  it('reads a file operation: any bytes as paths, and a close by the number of its open', () => {
    const renamed = outcome({ ...file, path: '2f0aff', to: '2f62', to_cut: 1 }) as FileEvent;
    assert.deepEqual([renamed.op, renamed.id, renamed.ret, renamed.forced], ['rename', 3, -17, false]);
    assert.deepEqual(renamed.path, { bytes: Uint8Array.of(0x2f, 0x0a, 0xff), length: 3 });
    assert.deepEqual(renamed.to, { bytes: Uint8Array.of(0x2f, 0x62), length: 3 }); // at least a byte more
    const closed = outcome({ ...file, op: 'close', ret: undefined, read: '18446744073709551615', forced: 1 });
    const { readBytes, writtenBytes, forced, ret } = closed as FileEvent;
    assert.deepEqual([readBytes, writtenBytes, forced, ret], [2n ** 64n - 1n, undefined, true, 0]);
  });

  const faults: [string, object | string, string][] = [
    ['a file operation of a kind that nobody knows', { ...file, op: 'steal' }, 'out-of-range op'],
    ['a file operation without a number', { ...file, id: undefined }, 'missing-field id'],
    ['a path as text', { ...file, path: '/etc/passwd' }, 'out-of-range path'],
    ['a record without time', { k: 'setsid', pid: 1, start: '1', sid: 1 }, 'missing-field ts'],
    ['a time as a number', { ...setsid(1), ts: 1 }, 'out-of-range ts'],
    ['a time in hex', setsid('0x10'), 'out-of-range ts'],
    ['an empty time', setsid(''), 'out-of-range ts'],
    ['a negative time', setsid('-1'), 'out-of-range ts'],
    ['a time beyond 64 bits', setsid('18446744073709551616'), 'out-of-range ts'],
    ['pid 0', setsid(1, { pid: 0 }), 'out-of-range pid'],
    ['a broken pid', setsid(1, { pid: 1.5 }), 'out-of-range pid'],
    ['a pid as text', setsid(1, { pid: '7' }), 'out-of-range pid'],
    ['a process without start', { k: 'setsid', ts: '1', pid: 1, sid: 1 }, 'missing-field start'],
    ['a connection without start', setsid(1, { conn: [1] }), 'out-of-range conn'],
    ['an unknown role', setsid(1, { role: 'root' }), 'out-of-range role'],
    ['two uids', { ...EXEC, uid: [0, 0] }, 'out-of-range uid'],
    ['odd hex', { ...EXEC, comm: '7' }, 'out-of-range comm'],
    ['text instead of hex', { ...EXEC, file: '/bin/sh' }, 'out-of-range file'],
    ['an argv longer than its true length', { ...EXEC, argv: '6100', argv_len: 1 }, 'out-of-range argv_len'],
    ['an impossible exit code', { k: 'exit', ts: '1', pid: 1, start: '1', code: 256, signal: 0 }, 'out-of-range code'],
    [
      'more payload than the frame has',
      { k: 'mon', ts: '1', pid: 1, start: '1', type: 8, len: 1, data: '0000' },
      'out-of-range total',
    ],
    [
      'an address with a quote',
      { k: 'accept', ts: '1', pid: 1, start: '1', peer: 'a"b', peer_port: 1 },
      'out-of-range peer',
    ],
    ['a forward of another kind', { ...FORWARD, op: 'send' }, 'out-of-range op'],
    ['a forward of no kind', { ...FORWARD, op: undefined }, 'missing-field op'],
    ['a forward of another family', { ...FORWARD, family: 'inet' }, 'out-of-range family'],
    [
      'a path longer than a socket has',
      { ...FORWARD, family: 'unix', path: hex('a'.repeat(109)) },
      'out-of-range path',
    ],
    ['a forward without its socket', { ...FORWARD, sk: undefined }, 'missing-field sk'],
    [
      'a port beyond 65535',
      { k: 'accept', ts: '1', pid: 1, start: '1', peer: '::1', peer_port: 65_536 },
      'out-of-range peer_port',
    ],
    [
      'a piece beyond its value',
      { k: 'bytes', of: 'argv', pid: 1, ts: '1', off: 1, len: 1, total: 1 },
      'out-of-range total',
    ],
    [
      'a piece of nothing known',
      { k: 'bytes', of: 'env', pid: 1, ts: '1', off: 0, len: 1, total: 1 },
      'out-of-range of',
    ],
    ['a variable beyond the allow-list', { k: 'env', pid: 1, ts: '1', data: hex('AWS_SECRET=1') }, 'out-of-range data'],
    [
      'a variable that begins like an allowed one',
      { k: 'env', pid: 1, ts: '1', data: hex('SSH_TTYX=1') },
      'out-of-range data',
    ],
    ['a variable without a value', { k: 'env', pid: 1, ts: '1', data: hex('SSH_TTY') }, 'out-of-range data'],
    ['an unknown kind', { k: 'teleport', ts: '1' }, 'unknown-kind'],
    ['a kind of every object', { k: 'constructor', ts: '1' }, 'unknown-kind'],
    ['a cut record', '{"k":"exec","ts":"5","pi', 'not-json'],
    ['two records in a line', '{"k":"exec"}{"k":"exec"}', 'not-json'],
    ['a record that begins otherwise', '{"ts":"1","k":"end"}', 'not-a-record'],
    ['a list', '[1]', 'not-a-record'],
    ['binary garbage', '\x00\xff\xfe\x1b[31m', 'not-a-record'],
    ['text of bpftrace at the start', 'Attaching 9 probes...', 'producer-text'],
    ["bpftrace's own loss count", 'Lost 12 events', 'producer-text'],
    ['a map that bpftrace prints', '@q[0]: 1543', 'producer-text'],
  ];
  for (const [title, record, expected] of faults) {
    it(`rejects ${title}`, () => {
      assert.equal(outcome(record), expected);
    });
  }

  it('refuses a newer format and names both versions', () => {
    assert.throws(
      () => decodeRecords([{ ...HELLO, v: 3 }]),
      (error) =>
        error instanceof UnsupportedVersionError && error.found === 3 && /version 3,.*version 1:/.test(error.message),
    );
  });

  it('reads its own version', () => {
    const event = outcome({ ...HELLO, host: hex('h\xc3\xa9'), hooks: ['a', 'b'], fills: ['mon', 'exec.file'] });
    assert.equal((event as { hostName: string }).hostName, 'hé');
    assert.deepEqual((event as { fills: string[] }).fills, ['mon', 'exec.file']);
  });
});
