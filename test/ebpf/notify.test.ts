import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Child, startChild } from '../../agent/source/child-process.ts';
import { PROGRAM, whyNot } from './producer.ts';

/** Stands where systemd does: what it was told until now. */
interface Manager {
  readonly told: string;
  /** Resolves when it has been told `count` times `what`. @throws Error after 10 s */
  heard(what: string, count?: number): Promise<void>;
  stop(): Promise<unknown>;
}

async function startManager(path: string): Promise<Manager> {
  const child = startChild({ command: 'socat', args: ['-u', `UNIX-RECV:${path}`, '-'] });
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
  let told = '';
  let look = (): void => undefined;
  child.stdout?.on('data', (data: Buffer) => {
    told += data.toString('latin1');
    look();
  });
  return {
    get told() {
      return told;
    },
    heard: (what, count = 1) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`heard only “${told}”`)), 10_000);
        look = () => {
          if (told.split(what).length <= count) return;
          clearTimeout(timer);
          resolve();
        };
        look();
      }),
    stop: () => child.stop(),
  };
}

describe('the libbpf producer under a service manager', { skip: whyNot() }, () => {
  let folder: string;
  let manager: Manager;
  let path: string;
  const producers: Child[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sshd-otel-notify-'));
    path = join(folder, 'notify.sock');
    manager = await startManager(path);
  });
  after(async () => {
    await Promise.all(producers.map((child) => child.stop()));
    await manager?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function start(env: Readonly<Record<string, string>>): Child {
    const child = startChild({
      command: PROGRAM,
      args: ['--socket', join(folder, 'stream.sock')],
      env: { NOTIFY_SOCKET: path, ...env },
    });
    producers.push(child);
    return child;
  }

  test('is ready once it has given up its rights, and feeds the watchdog three times in its period', async () => {
    const child = start({ WATCHDOG_USEC: '600000' });
    await manager.heard('READY=1');
    const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    const startMs = performance.now();
    await manager.heard('WATCHDOG=1', 6);
    const elapsedMs = performance.now() - startMs;
    assert.ok(elapsedMs >= 900 && elapsedMs < 5000, `6 times in ${elapsedMs} ms`);
    await child.stop();
  });

  test('feeds no watchdog that is meant for another process', async () => {
    const before = manager.told.length;
    const child = start({ WATCHDOG_USEC: '30000', WATCHDOG_PID: '1' });
    await manager.heard('READY=1', 2);
    await child.stop();
    assert.equal(manager.told.slice(before), 'READY=1');
  });

  test('refuses to start with a manager that it cannot reach, and a peer that nobody is', async () => {
    const far = start({ NOTIFY_SOCKET: `/${'x'.repeat(200)}` });
    assert.equal((await far.exited).code, 1);
    assert.match(far.stderrTail(), /NOTIFY_SOCKET: File name too long/);
    const nobody = startChild({ command: PROGRAM, args: ['--peer-uid', 'no-such-user'] });
    assert.equal((await nobody.exited).code, 2);
    assert.match(nobody.stderrTail(), /--peer-uid: bad value 'no-such-user'/);
  });

  test('knows peers by name', async () => {
    const child = startChild({ command: PROGRAM, args: ['--peer-uid', 'daemon', '--peer-uid', '12', '--version'] });
    assert.equal((await child.exited).code, 0);
  });
});
