import type { Host, ProducerFailure } from '../../agent/doctor/host.ts';
import type { ChildOutput } from '../../agent/source/child-process.ts';

export interface FakeHostOptions {
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly modes?: Readonly<Record<string, number>>;
  readonly uid?: number;
  readonly nodeVersion?: string;
  /** By command: what it writes; absent: it cannot be started. */
  readonly programs?: Readonly<Record<string, string>>;
  /** By command of the producer: why it fails; absent: it begins. */
  readonly producers?: Readonly<Record<string, ProducerFailure>>;
}

const STATUS = ['Uid:\t0\t0\t0\t0', 'CapEff:\t000001ffffffffff', 'CapBnd:\t000001ffffffffff', ''].join('\n');

const GOOD_FILES: Readonly<Record<string, string>> = {
  '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
  '/proc/self/status': STATUS,
  '/proc/self/mountinfo': '30 23 0:12 / /sys/kernel/tracing rw,nosuid - tracefs tracefs rw\n',
  '/sys/kernel/btf/vmlinux': '',
  '/usr/sbin/sshd': '',
  '/proc/812/comm': 'sshd\n',
  '/proc/812/status': 'Uid:\t0\t0\t0\t0\n',
  '/proc/812/cmdline': 'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\0',
};

const GOOD_PROGRAMS: Readonly<Record<string, string>> = {
  bpftrace: 'bpftrace v0.20.2\n',
  setpriv: 'setpriv from util-linux 2.38.1\n',
  getent: 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  '/usr/sbin/sshd': 'OpenSSH_9.2p1 Debian-2+deb12u2, OpenSSL 3.0.11 19 Sep 2023\n',
};

/** A host on which everything works, but for what `options` change. A file that is `undefined` is taken away. */
export function fakeHost(options: FakeHostOptions = {}): Host {
  const files: Readonly<Record<string, string | undefined>> = { ...GOOD_FILES, ...options.files };
  const links: Readonly<Record<string, string>> = { '/proc/self/ns/pid': 'pid:[4026531836]', ...options.links };
  const programs = options.programs ?? GOOD_PROGRAMS;
  const paths = Object.keys(files).filter((path) => files[path] !== undefined);
  return {
    readText: (path) => files[path],
    list: (folder) => [
      ...new Set(
        paths
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
    link: (path) => links[path],
    stat: (path) =>
      files[path] === undefined ? undefined : { mode: 0o100000 | (options.modes?.[path] ?? 0o600), uid: 0 },
    uid: options.uid ?? 0,
    nodeVersion: options.nodeVersion ?? '24.21.0',
    async run(command): Promise<ChildOutput> {
      const stdout = programs[command];
      if (stdout === undefined) return { started: false, reason: 'not found', stdout: '', stderr: '' };
      return { started: true, code: 0, reason: 'exited with status 0', stdout, stderr: '' };
    },
    tryProducer: async ({ command }) => options.producers?.[command],
  };
}
