import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkCgroups,
  checkContainer,
  checkLockedMemory,
  checkProcMount,
  checkSeccomp,
  checkSecurityModules,
  checkSettings,
  checkSocket,
  checkUserNamespace,
} from '../../agent/doctor/confinement-checks.ts';
import type { Finding } from '../../agent/doctor/finding.ts';
import type { Host } from '../../agent/doctor/host.ts';
import { type FakeHostOptions, fakeHost } from './fake-host.ts';

type Check = (host: Host) => Finding;
type Case = readonly [name: string, check: Check, options: FakeHostOptions, expected: string];

const OLD = '5.10.0-28-amd64\n';
const limits = (limit: string) => `Max locked memory         ${limit}               ${limit}               bytes\n`;
const proc = (options: string) => `22 1 0:20 / /proc rw,nosuid - proc proc rw,${options}\n`;
const SOCKET = '/run/sshd-otel/producer.sock';

const CASES: readonly Case[] = [
  [
    'a user namespace of its own',
    checkUserNamespace,
    { files: { '/proc/self/uid_map': '         0     100000      65536\n' } },
    'fail not the initial one: capabilities in it do not count for tracing',
  ],
  [
    'the initial user namespace',
    checkUserNamespace,
    { files: { '/proc/self/uid_map': '         0          0 4294967295\n' } },
    'ok the initial one',
  ],
  ['a kernel that tells no user namespace', checkUserNamespace, {}, 'note not known'],
  [
    'a seccomp filter',
    checkSeccomp,
    { files: { '/proc/self/status': 'Uid:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n' } },
    'note a filter is in force: if a producer below is refused although the rights are there, let it allow bpf',
  ],
  ['no seccomp filter', checkSeccomp, { files: { '/proc/self/status': 'Seccomp:\t0\n' } }, 'ok no filter'],
  [
    'a small limit of locked memory on an old kernel',
    checkLockedMemory,
    { files: { '/proc/sys/kernel/osrelease': OLD, '/proc/self/limits': limits('65536') } },
    'warn this kernel counts BPF memory, and the limit is 65536 bytes',
  ],
  [
    'no limit of locked memory on an old kernel',
    checkLockedMemory,
    { files: { '/proc/sys/kernel/osrelease': OLD, '/proc/self/limits': limits('unlimited') } },
    'ok limit unlimited',
  ],
  [
    'the same small limit on a kernel that does not count it',
    checkLockedMemory,
    { files: { '/proc/self/limits': limits('65536') } },
    'ok no limit for BPF',
  ],
  [
    'hidepid for a user',
    checkProcMount,
    { uid: 1000, files: { '/proc/self/mountinfo': proc('hidepid=2') } },
    'warn hidepid=2: sshds that run already are not seen',
  ],
  [
    'hidepid for root',
    checkProcMount,
    { files: { '/proc/self/mountinfo': proc('hidepid=invisible') } },
    'note hidepid=invisible: no hindrance for root',
  ],
  ['a container', checkContainer, { files: { '/.dockerenv': '' } }, 'note this runs in one: docker'],
  [
    'a container of systemd',
    checkContainer,
    { files: { '/run/systemd/container': 'systemd-nspawn\n' } },
    'note this runs in one: systemd-nspawn',
  ],
  [
    'settings that others ask for',
    checkSettings,
    { files: { '/proc/sys/kernel/perf_event_paranoid': '4\n', '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n' } },
    'note unprivileged_bpf_disabled 2, perf_event_paranoid 4, without kprobes: none of it matters here',
  ],
  [
    'cgroups of both versions',
    checkCgroups,
    { files: { '/proc/self/mountinfo': '1 0 0:1 / /a rw - cgroup2 x rw\n2 0 0:1 / /b rw - cgroup x rw\n' } },
    'note version 1 beside version 2',
  ],
  [
    'a profile of AppArmor',
    checkSecurityModules,
    {
      files: {
        '/sys/module/apparmor/parameters/enabled': 'Y\n',
        '/proc/self/attr/current': 'docker-default (enforce)\n',
      },
    },
    'warn AppArmor confines this process: docker-default (enforce)',
  ],
  [
    'SELinux that enforces',
    checkSecurityModules,
    { files: { '/sys/fs/selinux/enforce': '1' } },
    'note SELinux enforces: its log (ausearch -m avc) tells if it refuses bpf',
  ],
  [
    'a socket that everybody may open',
    checkSocket,
    { files: { [SOCKET]: '' }, modes: { [SOCKET]: 0o666 } },
    `fail ${SOCKET} is open to everybody`,
  ],
  ['a socket as it should be', checkSocket, { files: { [SOCKET]: '' }, modes: { [SOCKET]: 0o660 } }, `ok ${SOCKET}`],
  ['no socket', checkSocket, {}, `note no ${SOCKET}: the two services do not run here`],
];

describe('doctor on what confines it', () => {
  for (const [name, check, options, expected] of CASES)
    test(`tells of ${name}`, () => {
      const { level, text, remedy } = check(fakeHost(options));
      assert.equal(`${level} ${text}`, expected);
      if (level === 'fail' || level === 'warn') assert.ok(remedy !== undefined && remedy !== '');
    });

  test('tells of a socket that belongs to somebody else', () => {
    const host = fakeHost({ files: { [SOCKET]: '' } });
    const { level, text } = checkSocket({ ...host, stat: () => ({ mode: 0o140660, uid: 1000 }) });
    assert.equal(`${level} ${text}`, `fail ${SOCKET} belongs to uid 1000: its events may be forged`);
  });
});
