import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  CutBytes,
  ExecEvent,
  FileEvent,
  KernelEvent,
  LogEvent,
  MonitorMessageEvent,
} from '../../../agent/decode/kernel-event.ts';
import { redactEvent } from '../../../agent/span/redact/redact-event.ts';
import { createRedactor } from '../../../agent/span/redact/redactor.ts';

const redactor = createRedactor();
const process = { pid: 7, startNs: 9n };

const file = { kind: 'file', tsNs: 1n, process, op: 'rename', id: 1, ret: 0, forced: false } as const;

function cut(text: string, missing = 0): CutBytes {
  const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
  return { bytes, length: bytes.length + missing };
}

function latin1(value: CutBytes | undefined): string {
  return String.fromCharCode(...(value?.bytes ?? []));
}

function exec(argv: CutBytes, original?: string): ExecEvent {
  const env = original === undefined ? [] : [{ name: 'SSH_ORIGINAL_COMMAND', value: cut(original) }];
  return { kind: 'exec', tsNs: 1n, process, argv, env: [{ name: 'SSH_TTY', value: cut('/dev/pts/0') }, ...env] };
}

function sshString(text: string): CutBytes {
  return cut(`${String.fromCharCode(0, 0, text.length >> 8, text.length & 255)}${text}`);
}

test('hides secrets in argv and tells the new length, what was cut included', () => {
  const event = redactEvent(exec(cut('mysql\0-phunter2\0shop\0', 100)), redactor) as ExecEvent;
  assert.equal(latin1(event.argv), 'mysql\0-pREDACTED\0shop\0');
  assert.equal(event.argv?.length, 'mysql\0-pREDACTED\0shop\0'.length + 100);
});

test('an event without a secret comes back as the same object', () => {
  const event = exec(cut('ls\0-l\0'), 'ls -l');
  assert.equal(redactEvent(event, redactor), event);
});

test('bytes that are no UTF-8 stay as they are', () => {
  const event = redactEvent(exec(cut('mysql\0\xff\xfe\x80\0-phunt\xe4r\0\xc3')), redactor) as ExecEvent;
  assert.equal(latin1(event.argv), 'mysql\0\xff\xfe\x80\0-pREDACTED\0\xc3');
});

test('hides secrets in SSH_ORIGINAL_COMMAND and leaves other variables', () => {
  const event = redactEvent(exec(cut('sh\0'), 'curl -u a:b h'), redactor) as ExecEvent;
  assert.deepEqual(
    event.env.map((entry) => latin1(entry.value)),
    ['/dev/pts/0', 'curl -u a:REDACTED h'],
  );
  assert.equal(event.env[1]?.value.length, 'curl -u a:REDACTED h'.length);
});

test("hides secrets in the session's command and corrects both lengths", () => {
  const data = sshString('mysql -pabc');
  const event: MonitorMessageEvent = { kind: 'mon', tsNs: 1n, process, type: 113, length: data.length, data };
  const result = redactEvent(event, redactor) as MonitorMessageEvent;
  assert.deepEqual(result.data, sshString('mysql -pREDACTED'));
  assert.equal(result.length, data.length + 5);
});

test('leaves the other messages of the monitor alone', () => {
  const data = sshString('mysql -pabc');
  const event: KernelEvent = { kind: 'mon', tsNs: 1n, process, type: 8, length: data.length, data };
  assert.equal(redactEvent(event, redactor), event);
});

test('hides secrets in log text', () => {
  const event: KernelEvent = {
    kind: 'log',
    tsNs: 1n,
    process,
    data: cut("forced-command (config) 'mysql -pabc' for bob"),
  };
  assert.equal(
    latin1((redactEvent(event, redactor) as LogEvent).data),
    "forced-command (config) 'mysql -pREDACTED' for bob",
  );
});

test('hides secrets in paths of files, and leaves other paths the bytes that they are', () => {
  const token = `ghp_${'a1B2'.repeat(9)}`;
  const plain: FileEvent = { ...file, path: cut('/home/ada/\xff\n'), to: cut('/etc/passwd') };
  assert.equal(redactEvent(plain, redactor), plain);
  const event: FileEvent = { ...file, path: cut(`/tmp/${token}`), to: cut(`/home/\xff/${token}`, 1) };
  const { path, to } = redactEvent(event, redactor) as FileEvent;
  assert.ok(!`${latin1(path)}${latin1(to)}`.includes(token));
  assert.ok(latin1(to).startsWith('/home/\xff/'));
  assert.ok(to !== undefined && to.length === to.bytes.length + 1);
});
