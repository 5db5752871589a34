import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ExecEvent } from '../../agent/decode/kernel-event.ts';
import { isStartedByInetd } from '../../agent/sshd/inetd.ts';

function execOf(argv: readonly string[]): ExecEvent {
  const bytes = new TextEncoder().encode(argv.map((argument) => `${argument}\0`).join(''));
  const process = { pid: 7, startNs: 1n };
  return { kind: 'exec', tsNs: 2n, process, argv: { bytes, length: bytes.length }, env: [] };
}

it('tells sshd -i by its options, however they are written', () => {
  const yes = ['-i', '-if /etc/x', '-di', '-f /etc/x -i', '-D -i', '-o Port=5 -i', '-oPort=5 -i'];
  const no = ['', '-D', '-R', '-f -i', '-o -i -D', '-fi', '-oi', 'word -i', '-- -i', '-D -f/i -R'];
  for (const line of yes) assert.ok(isStartedByInetd(execOf(['/usr/sbin/sshd', ...line.split(' ')])), line);
  for (const line of no) assert.ok(!isStartedByInetd(execOf(['sshd', ...line.split(' ')])), line);
  assert.ok(!isStartedByInetd({ ...execOf([]), argv: undefined }));
});
