/** auditd with one rule, as a tool for `kernel.ts --with-auditd`. Once it ran, every process goes the slow way into system calls until the machine starts again. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tool } from './tools.ts';

const RULE = ['always,exit', '-F', 'arch=b64', '-S', 'execve', '-k', 'sshd-otel-bench'];

function auditctl(...args: readonly string[]): string {
  return execFileSync('/usr/sbin/auditctl', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

/** What is measured after it has no meaning: it comes last, and is compared with what was measured before. */
export function auditd(): Tool {
  return {
    name: 'auditd, one execve rule',
    sessionsOnly: false,
    every: 0,
    spoils: true,
    signal: 'SIGTERM',
    missing: existsSync('/usr/sbin/auditd') ? undefined : 'no /usr/sbin/auditd',
    command({ folder }, output) {
      const config = [
        `log_file = ${output}`,
        'log_format = RAW',
        'flush = INCREMENTAL',
        'freq = 50',
        'max_log_file_action = IGNORE',
        // MiB of a disk that is almost full: without them it does not start.
        'space_left = 2',
        'admin_space_left = 1',
        'space_left_action = IGNORE',
        'admin_space_left_action = IGNORE',
        'disk_full_action = IGNORE',
        '',
      ];
      writeFileSync(join(folder, 'auditd.conf'), config.join('\n'), { mode: 0o600 });
      auditctl('-b', '65536');
      auditctl('-a', ...RULE);
      return Promise.resolve({ command: '/usr/sbin/auditd', args: ['-n', '-c', folder] });
    },
    ready: (child) => new RegExp(`^pid ${child.pid}$`, 'm').test(auditctl('-s')),
    told: ({ tag }, _written, output) =>
      readFileSync(output, 'latin1').match(new RegExp(`^type=EXECVE .* a1="${tag}"`, 'gm'))?.length ?? 0,
    after() {
      auditctl('-d', ...RULE);
      auditctl('-e', '0');
    },
  };
}
