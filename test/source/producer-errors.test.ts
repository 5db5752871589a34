import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainBpftrace } from '../../agent/source/producer-errors.ts';

/** What bpftrace 0.17, 0.23 and 0.27 said when a thing was taken from them. */
const SAID: readonly [stderr: string, sentence: RegExp][] = [
  ['ERROR: bpftrace currently only supports running as the root user.', /as root/],
  ['ERROR: Missing CAP_DAC_READ_SEARCH capability, please run bpftrace as the root user.', /as root/],
  ['ERROR: Missing CAP_BPF capability, please run bpftrace as the root user.', /CAP_BPF/],
  [
    "definitions.h:35:3: error: unknown type name 'pid_t'\ndefinitions.h:41:3: error: unknown type name 'u64'",
    /CAP_SYS_ADMIN/,
  ],
  [
    '/x/sshd-otel.bt:212:22-28: ERROR: BPF_FUNC_get_current_cgroup_id is not available for your kernel version',
    /CAP_PERFMON/,
  ],
  ['/x/sshd-otel.bt:130-132: ERROR: tracepoint not found: task:task_newtask', /tracefs/],
  [
    'ERROR: Failed to open kernel function info: Error reading events from /sys/kernel/tracing/available_events (No such file or directory)',
    /tracefs/,
  ],
  ["definitions.h:2:10: fatal error: 'linux/types.h' file not found", /type information/],
  [
    'ERROR: Could not parse arguments of "syscalls:sys_exit_accept": BTF is required for parsing tracepoint arguments',
    /type information/,
  ],
  ["ERROR: failed to open file '/x/sshd-otel.bt': No such file or directory", /sshd-otel\.bt/],
  ['ERROR: Error loading program: tracepoint:sched:sched_process_exec (try -v)', /refused/],
  ['/x/sshd-otel.bt:9: ERROR: syntax error, unexpected identifier', /0\.17/],
];

const MEMLOCK =
  "ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, …\n";

test('each fault that was seen is named in one sentence, behind the noise that is always there', () => {
  for (const [stderr, sentence] of SAID) {
    const fault = explainBpftrace(`${MEMLOCK}${stderr}\n`);
    assert.match(fault?.sentence ?? 'nothing', sentence, stderr);
    assert.ok(!(fault?.sentence ?? '').includes('\n'));
  }
});

test('what can be mended by a command comes with it', () => {
  const fault = explainBpftrace('x.bt:1: ERROR: tracepoint not found: task:task_newtask');
  assert.equal(fault?.remedy, 'mount -t tracefs tracefs /sys/kernel/tracing');
});

test('noise alone and unknown words are no diagnosis', () => {
  assert.equal(explainBpftrace(MEMLOCK), undefined);
  assert.equal(explainBpftrace(''), undefined);
  assert.equal(explainBpftrace('something else went wrong'), undefined);
});
