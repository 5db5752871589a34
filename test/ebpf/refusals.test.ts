import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runChild } from '../../agent/source/child-process.ts';
import { PROGRAM, whyNot } from './producer.ts';

/** include/uapi/linux/bpf.h, `enum bpf_cmd`. */
const MAP_CREATE = 0;
const PROG_LOAD = 5;
const LINK_CREATE = 28;
const EVERY = -1;
const EPERM = 1;
const ENOMEM = 12;
const EACCES = 13;
const EINVAL = 22;
const ENOSYS = 38;

/** Runs the producer in a mount namespace of its own, after `script`. */
function within(script: string): readonly [command: string, args: readonly string[]] {
  return ['unshare', ['--mount', 'sh', '-c', `${script} && exec "$0"`, PROGRAM]];
}

/** securityfs is a folder of sysfs, and where it is not mounted something may be mounted in its place. */
const LOCKED_DOWN =
  'mount -t tmpfs tmpfs /sys/kernel/security && echo "none integrity [confidentiality]" > /sys/kernel/security/lockdown';

describe('a kernel that refuses the libbpf producer', { skip: whyNot() }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-refused-'));
    const source = fileURLToPath(new URL('./refused.c', import.meta.url));
    execFileSync('cc', ['-D_GNU_SOURCE', '-o', join(folder, 'refused'), source]);
  });
  after(() => rm(folder, { recursive: true }));

  async function assertRefused(command: string, args: readonly string[], code: number, says: RegExp): Promise<void> {
    const run = await runChild({ command, args }, 30_000);
    assert.match(run.stderr, says);
    assert.equal(run.code, code, run.stderr);
    assert.equal(run.stderr.trimEnd().split('\n').length, 1, run.stderr);
  }

  test('without type information: one line, exit status 3', () =>
    assertRefused(...within('mount -t tmpfs tmpfs /sys/kernel/btf'), 3, /no type information.*bpftrace producer/));

  // What it says is tested, not the kernel: only a restart undoes a real lockdown.
  test(
    'locked down, as securityfs tells it: one line, exit status 5',
    {
      skip: existsSync('/sys/kernel/security') ? false : 'this kernel has no securityfs',
    },
    () => assertRefused(...within(LOCKED_DOWN), 5, /locked down \(confidentiality\).*lockdown=integrity/),
  );

  for (const [what, call, errno, code, says] of [
    ['bpf(2) is forbidden by a filter', EVERY, EPERM, 4, /a seccomp filter forbids bpf\(2\)/],
    ['bpf(2) is hidden by a filter', EVERY, ENOSYS, 4, /a seccomp filter forbids bpf\(2\)/],
    ['programs are refused', PROG_LOAD, EACCES, 6, /refused the BPF programs.*Permission denied/],
    ['there is no ring buffer', MAP_CREATE, EINVAL, 7, /before 5\.8 have no ring buffer.*Invalid argument/],
    ['there is no memory for maps', MAP_CREATE, ENOMEM, 7, /refused the BPF maps.*Cannot allocate memory/],
    ['nothing may be attached', LINK_CREATE, EPERM, 8, /no hook .* can be attached.*not permitted/],
  ] as const) {
    test(`${what}: one line, exit status ${code}`, () =>
      assertRefused(join(folder, 'refused'), [String(call), String(errno), PROGRAM], code, says));
  }
});
