import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BpftraceOptions,
  bpftraceCommand,
  isBpftraceNewEnough,
  parseBpftraceVersion,
} from '../../agent/source/bpftrace-producer.ts';

const HOST: BpftraceOptions = {
  script: '/x/sshd-otel.bt',
  version: '0.1.0',
  bootId: '8c3d5bd0-6f0f-4d77-9a4e-0123456789ab',
  machineId: '00112233445566778899aabbccddeeff',
  hostName: 'ab',
  cpus: 2,
};

/** The script's first seven parameters. */
function parameters(options: Partial<BpftraceOptions>): readonly string[] {
  const { args } = bpftraceCommand('bpftrace', { ...HOST, ...options });
  return args.slice(args.indexOf('/x/sshd-otel.bt') + 1, args.indexOf('/x/sshd-otel.bt') + 8);
}

test('what the script prints of the host goes to it as parameters', () => {
  const machine = ',"machine_id":"00112233445566778899aabbccddeeff"';
  assert.deepEqual(parameters({}), ['0.1.0', HOST.bootId, machine, '6162', ' ', '2', '0']);
});

test('what is not known is a space, and one listener is named by its pid', () => {
  const given = parameters({ machineId: undefined, hostName: '', listenerPid: 77 });
  assert.deepEqual(given, ['0.1.0', HOST.bootId, ' ', ' ', ' ', '2', '77']);
});

test('a host name may be as long as Linux allows, and no parameter outgrows a string of bpftrace', () => {
  const given = parameters({ hostName: `${'h'.repeat(63)}é` });
  assert.equal(`${given[3]}${given[4]}`, `${'68'.repeat(63)}c3a9`);
  assert.ok(given.every((parameter) => parameter.length < 128));
});

test('a host name cannot leave its hex', () => {
  const given = parameters({ hostName: '"}\n{"k":"x"' });
  assert.match(given[3] ?? '', /^[0-9a-f]+$/);
});

test('more CPUs than a script can loop over are told of up to the hundredth', () => {
  assert.equal(parameters({ cpus: 256 })[5], '100');
});

test('a value that is not what it should be is refused by name', () => {
  const bad: [keyof BpftraceOptions, Partial<BpftraceOptions>][] = [
    ['version', { version: '1"' }],
    ['bootId', { bootId: `${HOST.bootId}\n` }],
    ['machineId', { machineId: '","x":"' }],
    ['cpus', { cpus: 0 }],
    ['cpus', { cpus: 1.5 }],
    ['listenerPid', { listenerPid: -1 }],
  ];
  for (const [name, options] of bad) {
    assert.throws(() => parameters(options), new RangeError(name), `${name} ${JSON.stringify(options)}`);
  }
});

test('the environment is our own: nothing of the caller reaches the tracer', () => {
  const { env } = bpftraceCommand('bpftrace', HOST);
  assert.equal(env?.['BPFTRACE_STRLEN'], env?.['BPFTRACE_MAX_STRLEN']);
  assert.equal(
    Object.keys(env ?? {})
      .filter((name) => !name.startsWith('BPFTRACE_'))
      .join(),
    'PATH',
  );
});

test('versions are read and compared as numbers', () => {
  assert.equal(parseBpftraceVersion('bpftrace v0.17.0\n'), '0.17.0');
  assert.equal(parseBpftraceVersion('bpftrace v0.23.2'), '0.23.2');
  assert.equal(parseBpftraceVersion('command not found'), undefined);
  assert.deepEqual(['0.9.4', '0.16.0', '0.17.0', '0.27.1', '1.0'].map(isBpftraceNewEnough), [
    false,
    false,
    true,
    true,
    true,
  ]);
});

const given = (args: readonly string[]) => args.slice(args.indexOf('/x/sshd-otel.bt') + 8);

test('what runs already is named by numbers, two roots a parameter', () => {
  const seeds = {
    roots: [
      { pid: 70, kind: 'listener' },
      { pid: 90, kind: 'monitor' },
      { pid: 4_194_304, kind: 'monitor' },
    ],
    pids: [70, 90, 4_194_304, 91],
    untold: 5,
  } as const;
  const { args, extra } = bpftraceCommand('bpftrace', { ...HOST, seeds });
  const pairs = [String(140 + 181 * 2 ** 24), String(2 * 4_194_304 + 1)];
  assert.deepEqual(given(args), ['5', '0', ...pairs, ...Array.from({ length: 46 }, () => '0')]);
  assert.equal(extra, undefined);
});

test('a file of facts is descriptor 3 of bpftrace, and told to the script', () => {
  const { args, extra } = bpftraceCommand('bpftrace', { ...HOST, factsFd: 17 });
  assert.deepEqual([given(args)[1], extra], ['1', [17]]);
});
