import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EXIT } from '../../agent/cli/exit-codes.ts';
import { runCommandLine } from '../helpers/command-context.ts';

describe('doctor command', () => {
  test('looks at this host, whatever it is, in one line each', async () => {
    const { code, stdout, stderr } = await runCommandLine(['doctor']);
    assert.ok(code === EXIT.ok || code === EXIT.host, stdout);
    assert.equal(stderr, '');
    for (const subject of ['kernel', 'types', 'rights', 'tracefs', 'sshd', 'agent', 'collector'])
      assert.match(stdout, new RegExp(`^(ok  |note|warn|fail)  ${subject} `, 'm'));
  });

  test('a collector that does not answer is a fault of its own', async () => {
    const { code, stdout } = await runCommandLine(['doctor'], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' },
    });
    assert.match(stdout, /^fail {2}collector +nothing listens at http:\/\/127\.0\.0\.1:1/m);
    assert.ok(code === EXIT.collector || code === EXIT.host);
  });
});
