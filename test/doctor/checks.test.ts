import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { examine } from '../../agent/cli/doctor.ts';
import type { Finding } from '../../agent/doctor/finding.ts';
import { DEFAULT_EXPORT_OPTIONS } from '../../agent/export/options.ts';
import type { ProducerCandidate } from '../../agent/supervise/supervisor.ts';
import { type FakeHostOptions, fakeHost } from './fake-host.ts';

const LIBBPF: ProducerCandidate = {
  name: 'libbpf',
  command: { command: 'libbpf', args: [] },
  explain: (code) => (code === 6 ? { sentence: 'the kernel refused the BPF programs' } : undefined),
};
const BPFTRACE: ProducerCandidate = { name: 'bpftrace', command: { command: 'bpftrace', args: [] } };

async function examined(options: FakeHostOptions = {}, candidates = [LIBBPF, BPFTRACE]): Promise<readonly Finding[]> {
  return examine(fakeHost(options), candidates, '/state', { ...DEFAULT_EXPORT_OPTIONS, enabled: false });
}

/** What differs from `ok` or `note`, as text. */
async function faults(options: FakeHostOptions, candidates = [LIBBPF, BPFTRACE]): Promise<string[]> {
  const findings = await examined(options, candidates);
  return findings
    .filter(({ level }) => level === 'warn' || level === 'fail')
    .map(({ level, subject, text }) => `${level} ${subject}: ${text}`);
}

const status = (effective: string, bounding = '000001ffffffffff') => ({
  '/proc/self/status': `Uid:\t0\t0\t0\t0\nCapEff:\t${effective}\nCapBnd:\t${bounding}\n`,
});

describe('doctor', () => {
  test('finds nothing wrong with a host that is well', async () => {
    const findings = await examined();
    assert.deepEqual(await faults({}), []);
    assert.ok(findings.some(({ text }) => text === '/usr/sbin/sshd is OpenSSH_9.2p1'));
    assert.ok(findings.some(({ text }) => text === 'sshd listens: pid 812'));
  });

  test('every fault and warning that can be mended says how', async () => {
    const findings = await examined(
      { files: { '/sys/kernel/btf/vmlinux': undefined }, programs: {}, nodeVersion: '18.1.0' },
      [],
    );
    const bad = findings.filter(({ level }) => level === 'fail');
    assert.ok(bad.length >= 4);
    for (const { subject, remedy } of bad) assert.ok(remedy !== undefined && remedy !== '', subject);
  });

  const cases: readonly (readonly [string, FakeHostOptions, readonly string[]])[] = [
    ['an old kernel', { files: { '/proc/sys/kernel/osrelease': '5.4.0\n' } }, ['fail kernel: Linux 5.4.0 is too old']],
    ['no /proc', { files: { '/proc/sys/kernel/osrelease': undefined } }, ['fail kernel: /proc is not mounted']],
    [
      'no BTF',
      { files: { '/sys/kernel/btf/vmlinux': undefined, '/sys/kernel/notes': '' } },
      ['fail types: the kernel does not tell its types (/sys/kernel/btf/vmlinux)'],
    ],
    ['no tracefs', { files: { '/proc/self/mountinfo': '' } }, ['warn tracefs: not mounted: bpftrace will not work']],
    [
      'root without the capabilities',
      { files: status('0000000000000000') },
      ['fail rights: root, but without CAP_BPF and CAP_PERFMON'],
    ],
    [
      'a bounding set without the capabilities',
      { files: status('0000000000000000', '00000000a80425fb') },
      ['fail rights: CAP_BPF and CAP_PERFMON are outside of what this process may ever have'],
    ],
    [
      'an ordinary user',
      { files: status('0000000000000000'), uid: 1000 },
      ['warn rights: not root: whether tracing works cannot be tried'],
    ],
    [
      'lockdown',
      { files: { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' } },
      ['fail lockdown: confidentiality: BPF programs may not read the kernel'],
    ],
    [
      'a container',
      { links: { '/proc/self/ns/pid': 'pid:[4026532000]' } },
      ["warn namespace: this is a container: the host's processes have other pids here"],
    ],
    ['an old Node', { nodeVersion: '20.9.0' }, ['fail node: version 20.9.0 is too old']],
    [
      'a host key that others can read',
      { files: { '/state/host.key': '' }, modes: { '/state/host.key': 0o644 } },
      ['warn host key: /state/host.key can be read by others, who could then guess ids of traces'],
    ],
    [
      'one producer that is refused',
      { producers: { libbpf: { code: 6, reason: 'exited with status 6', stderr: '' } } },
      ['warn producer libbpf: exited with status 6: the kernel refused the BPF programs'],
    ],
    [
      'both producers dead',
      {
        producers: {
          libbpf: { code: 1, reason: 'exited with status 1', stderr: 'no luck' },
          bpftrace: { reason: 'said nothing within 20 s', stderr: '' },
        },
      },
      ['fail producer libbpf: exited with status 1: no luck', 'fail producer bpftrace: said nothing within 20 s'],
    ],
  ];
  for (const [name, options, expected] of cases) {
    test(`tells of ${name}`, async () => assert.deepEqual(await faults(options), expected));
  }

  test('bpftrace is a must only where nothing else is there', async () => {
    const programs = { setpriv: '', getent: 'nobody:x:65534:65534::/:/\n', '/usr/sbin/sshd': 'OpenSSH_9.2p1' };
    assert.deepEqual(await faults({ programs }), ['warn bpftrace: not installed']);
    assert.deepEqual(await faults({ programs }, []), [
      'fail bpftrace: not installed',
      'fail producer: there is no tracer',
    ]);
    assert.deepEqual(await faults({ programs: { ...programs, bpftrace: 'bpftrace v0.16.0' } }, [BPFTRACE]), [
      'fail bpftrace: version 0.16.0 is too old',
    ]);
  });

  test('an agent that could not be confined is a fault', async () => {
    const programs = { bpftrace: 'bpftrace v0.20.2' };
    assert.deepEqual(await faults({ programs: { ...programs, getent: 'nobody:x:65534:65534::/:/\n' } }), [
      'fail agent: setpriv is missing: the agent could not be started without rights',
    ]);
    assert.deepEqual(await faults({ programs: { ...programs, setpriv: '', getent: 'nobody:x:0:0::/:/\n' } }), [
      'fail agent: there is no user sshd-otel and no user nobody',
    ]);
  });

  test("a user's process that calls itself a listener is none", async () => {
    const findings = await examined({ files: { '/proc/812/status': 'Uid:\t1000\t1000\t1000\t1000\n' } });
    assert.ok(
      findings.some(({ level, text }) => level === 'note' && text === 'no sshd listens now; tracing waits for one'),
    );
  });

  test('no producer is started without the right to', async () => {
    const files = status('0000000000000000');
    const broken = { libbpf: { reason: 'was started', stderr: '' }, bpftrace: { reason: 'was started', stderr: '' } };
    const findings = await examined({ files, uid: 1000, producers: broken });
    assert.ok(!findings.some(({ text }) => text.includes('was started')));
    assert.ok(findings.some(({ subject, level }) => subject === 'producer libbpf' && level === 'note'));
  });
});
