import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { METRIC_NAMES, type Measurement, metricSpec } from '../../agent/metrics/metrics.ts';
import { SessionMetrics } from '../../agent/metrics/session-metrics.ts';
import type { SessionEvent } from '../../agent/sshd/session-event.ts';
import { intruderStory, loginStory } from '../helpers/login-story.ts';
import { attempt, connection, told } from '../helpers/session-events.ts';

function measure(events: readonly SessionEvent[]): Measurement[] {
  const metrics = new SessionMetrics();
  return events.flatMap((event) => metrics.apply(event));
}

/** Sums by name and attributes; of histograms the number of values. */
function counts(measurements: readonly Measurement[], name: string): Record<string, number> {
  const out: Record<string, number> = {};
  for (const each of measurements.filter((one) => one.name === name)) {
    const key = Object.values(each.attributes).join(' ');
    out[key] = (out[key] ?? 0) + (metricSpec(each.name).kind === 'histogram' ? 1 : each.value);
  }
  return out;
}

describe('metrics of sessions', () => {
  const login = measure(loginStory());
  const intruders = measure(intruderStory());

  test('attempts are counted by method and result, questions apart', () => {
    assert.deepEqual(counts(login, 'ssh.server.auth.attempts'), { 'publickey rejected': 2, 'publickey accepted': 1 });
    assert.deepEqual(counts(login, 'ssh.server.auth.queries'), { publickey: 1 });
    assert.deepEqual(counts(intruders, 'ssh.server.auth.attempts'), { 'password rejected': 2 });
  });

  test('an attempt that was not judged is none', () => {
    const open = connection({});
    const events = [told(open, attempt(1, 1, 2, { method: 'password', result: 'aborted' }))];
    assert.deepEqual(measure(events), []);
  });

  test('durations are seconds', () => {
    const value = (name: string) => login.filter((each) => each.name === name).map((each) => each.value);
    assert.deepEqual(value('ssh.server.authorized_keys_command.duration'), [0.402]);
    assert.deepEqual(value('ssh.server.auth.duration'), [0.55]);
    assert.deepEqual(value('ssh.server.connection.duration'), [1.45]);
    assert.deepEqual(value('ssh.server.login.duration'), [0.62, 0.17]);
  });

  test('connections tell how they ended; a scan is neither accepted nor an error', () => {
    assert.deepEqual(counts(login, 'ssh.server.connection.duration'), { 'accepted logout': 1 });
    assert.deepEqual(counts(intruders, 'ssh.server.connection.duration'), {
      'rejected auth_failed auth_failed': 1,
      scan: 1,
    });
  });

  test('commands are the programs of sessions, their failures told apart but not by code', () => {
    assert.deepEqual(counts(login, 'ssh.server.commands'), { '': 3, exit_code: 2, signal: 1 });
    assert.deepEqual(counts(login, 'ssh.server.sessions'), { exec: 1 });
  });

  test('bytes are those of TCP', () => {
    assert.deepEqual(counts(login, 'ssh.server.network.io'), { receive: 3_482, transmit: 4_120 });
  });

  test('levels follow what is open, and forget what has ended', () => {
    const metrics = new SessionMetrics();
    const seen = loginStory().map((event) => {
      metrics.apply(event);
      return metrics
        .levels()
        .map(({ value }) => value)
        .join('/');
    });
    const changes = seen.filter((each, i) => each !== seen[i - 1]);
    assert.deepEqual(changes, ['0/0', '1/0', '1/1', '1/0', '0/0']);
  });

  test('a connection that is cut takes its open sessions with it', () => {
    const metrics = new SessionMetrics();
    for (const event of loginStory()) if (event.type !== 'activity') metrics.apply(event);
    assert.deepEqual(
      metrics.levels().map(({ value }) => value),
      [0, 0],
    );
  });

  test('a method that a client made up makes no series of its own', () => {
    const open = connection({});
    const events = ['a', 'b'].map((method) => told(open, attempt(1, 1, 2, { method, result: 'rejected' })));
    assert.deepEqual(counts(measure(events), 'ssh.server.auth.attempts'), { 'other rejected': 2 });
  });

  test('nothing is told that the table does not list, and no user, address or program at all', () => {
    for (const { name, attributes } of [...login, ...intruders]) {
      for (const key of Object.keys(attributes)) assert.ok(metricSpec(name).attributes.includes(key), `${name} ${key}`);
      assert.doesNotMatch(Object.values(attributes).join(' '), /ada|curl|203\.|SHA256|\d\.\d/);
    }
  });

  test('docs/metrics.md lists each metric as the table has it', () => {
    const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => /^\| `[^`]+` +\| (counter|level|histogram) /.test(line));
    const expected = METRIC_NAMES.map((name) => {
      const { kind, unit, attributes, help } = metricSpec(name);
      return [`\`${name}\``, kind, `\`${unit}\``, attributes.map((each) => `\`${each}\``).join(', '), help].join(' | ');
    });
    const cells = rows.map((row) =>
      row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim())
        .join(' | '),
    );
    assert.deepEqual(cells, expected);
  });
});
