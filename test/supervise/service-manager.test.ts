import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChildOutput } from '../../agent/source/child-process.ts';
import { ServiceManager } from '../../agent/supervise/service-manager.ts';

const DONE: ChildOutput = { started: true, code: 0, reason: 'exited with status 0', stdout: '', stderr: '' };
const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

/** A manager that remembers what it was told. */
function manager(env: Record<string, string>, answer: ChildOutput = DONE) {
  const told: (readonly string[])[] = [];
  const environments: Readonly<Record<string, string>>[] = [];
  const failures: string[] = [];
  const tell = async (words: readonly string[], given: Readonly<Record<string, string>>) => {
    told.push(words);
    environments.push(given);
    return answer;
  };
  const service = new ServiceManager(env, (reason) => failures.push(reason), tell);
  return { service, told, environments, failures };
}

describe('what a service manager is told', () => {
  test('ready once, then beats for progress only', async () => {
    const { service, told } = manager({ ...SOCKET, WATCHDOG_USEC: '60000000' });
    assert.equal(service.beatMs, 20_000);
    await service.ready('traces');
    await service.ready('traces');
    await service.beat(true, '1 connection open');
    await service.beat(false, '1 connection open');
    assert.deepEqual(told, [
      ['READY=1', 'STATUS=traces'],
      ['WATCHDOG=1', 'STATUS=1 connection open'],
    ]);
  });

  test('nothing where nobody asked', async () => {
    const { service, told } = manager({ WATCHDOG_USEC: '60000000' });
    assert.equal(service.beatMs, undefined);
    await service.ready('traces');
    await service.beat(true, '');
    assert.deepEqual(told, []);
  });

  test('no beat for a watchdog of another process, or of none', () => {
    assert.equal(manager({ ...SOCKET, WATCHDOG_USEC: '3000000', WATCHDOG_PID: '1' }).service.beatMs, undefined);
    assert.equal(manager({ ...SOCKET, WATCHDOG_USEC: '3000000', WATCHDOG_PID: `${process.pid}` }).service.beatMs, 1000);
    for (const odd of ['0', '', 'x', '-1'])
      assert.equal(manager({ ...SOCKET, WATCHDOG_USEC: odd }).service.beatMs, undefined);
  });

  test('secrets of our environment do not reach the program that tells', async () => {
    const { service, environments } = manager({ ...SOCKET, PATH: '/bin', OTEL_EXPORTER_OTLP_HEADERS: 'a=secret' });
    await service.ready('traces');
    assert.deepEqual(environments, [{ ...SOCKET, PATH: '/bin' }]);
  });

  test('a manager that cannot be told is complained of once', async () => {
    const missing: ChildOutput = { started: false, reason: 'could not be started: not found', stdout: '', stderr: '' };
    const { service, failures } = manager(SOCKET, missing);
    await service.ready('traces');
    await service.beat(true, '');
    assert.deepEqual(failures, ['systemd-notify could not be started: not found']);
  });
});
