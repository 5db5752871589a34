import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { numbersAreWhole, type Producer, type Row, startProducer, whyNot } from './producer.ts';

const LOOP =
  'for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done; done';

describe('loss of the libbpf producer, forced by a ring of 64 kB', { skip: whyNot() }, () => {
  let lab: Lab;
  let producer: Producer;
  before(async () => {
    lab = await startLab({ authorizedKeysSeconds: 0 });
    producer = await startProducer(['--listener', String(lab.listenerPid), '--ring-size', '65536']);
  });
  after(async () => {
    await producer?.stop('SIGCONT');
    await lab?.stop();
  });

  const connectionOf = (row: Row | undefined) => JSON.stringify([row?.['pid'], row?.['start']]);

  /** Records of a kind that came, and that were told to be lost, of one connection. */
  function count(conn: string, kind: string): { came: number; lost: number } {
    const mine = producer.rows.filter((row) => JSON.stringify(row['conn']) === conn);
    const lost = mine.filter((row) => row.k === 'lost' && row['of'] === kind);
    return {
      came: mine.filter((row) => row.k === kind).length,
      lost: lost.reduce((sum, row) => sum + Number(row['n']), 0),
    };
  }

  test('what came and what was lost make up what was done, by kind and connection; neighbours lose nothing', async () => {
    const control = await lab.startSsh({ command: LOOP });
    control.end();
    await control.finished;
    const [first] = producer.rows.filter((row) => row.k === 'accept');
    const neighbour = await lab.startSsh({ command: 'echo here; read x' });
    await neighbour.waitFor('here');
    const session = await lab.startSsh({ command: `echo ready; read x; ${LOOP}; echo done; read x` });
    await session.waitFor('ready');
    await producer.caughtUp();
    const accepts = producer.rows.filter((row) => row.k === 'accept');
    assert.equal(accepts.length, 3);

    process.kill(producer.pid, 'SIGSTOP');
    session.write('go\n');
    await session.waitFor('done');
    process.kill(producer.pid, 'SIGCONT');
    await producer.caughtUp();
    session.end('x\n');
    neighbour.end('x\n');
    await Promise.all([session.finished, neighbour.finished]);
    await producer.wait('the end', (row) => row.k === 'exit' && connectionOf(row) === connectionOf(accepts[2]));
    const exit = await producer.stop();
    assert.equal(exit.code, 0, producer.stderr());

    const whole = connectionOf(first);
    const cut = connectionOf(accepts[2]);
    for (const kind of ['fork', 'exec', 'exit', 'env']) {
      const { came, lost } = count(cut, kind);
      assert.equal(count(whole, kind).lost, 0);
      assert.equal(came + lost, count(whole, kind).came, kind);
      if (kind !== 'env') assert.ok(lost > 20, `only ${lost} of ${kind} lost: nothing was forced`);
    }
    assert.ok(
      !producer.rows.some((row) => row.k === 'lost' && JSON.stringify(row['conn']) === connectionOf(accepts[1])),
    );
    const { tried, came, lost } = numbersAreWhole(producer.rows);
    assert.equal(came + lost, tried);
    const end = producer.rows.at(-1);
    assert.deepEqual([end?.['records'], end?.['lost']], [came, lost]);
  });
});

describe('large arguments against a ring of 128 kB', { skip: whyNot() }, () => {
  test('forks, execs and exits all come; what argv lacks is a hole of stated length', async () => {
    const lab = await startLab({ authorizedKeysSeconds: 0 });
    const producer = await startProducer(['--listener', String(lab.listenerPid), '--ring-size', '131072']);
    try {
      const big = 'perl -e \'for (1..20) { system "/bin/true", ("x" x 100000) x 15 }\'';
      await lab.ssh({ command: big });
      const monitor = producer.rows.find((row) => row.k === 'accept');
      await producer.wait('the end', (row) => row.k === 'exit' && row['start'] === monitor?.['start']);
      await producer.stop();
      const execs = producer.rows.filter((row) => row.k === 'exec' && Number(row['argv_len']) > 1e6);
      assert.equal(execs.length, 20);
      for (const exec of execs) {
        assert.equal(exec['argv_len'], 10 + 15 * 100_001);
        assert.equal(producer.rows.filter((row) => row.k === 'exit' && row['pid'] === exec['pid']).length, 1);
        const pieces = producer.rows.filter(
          (row) => row.k === 'bytes' && row['pid'] === exec['pid'] && row['ts'] === exec['ts'],
        );
        let next = 0;
        for (const piece of pieces) {
          assert.equal(piece['off'], next, 'pieces follow each other');
          next += Number(piece['len']);
        }
        assert.equal(next, exec['argv_len'], 'holes are stated');
      }
      assert.ok(
        producer.rows.some((row) => row.k === 'bytes' && row['data'] === undefined),
        'nothing was forced',
      );
      assert.deepEqual(
        producer.rows.filter((row) => row.k === 'lost'),
        [],
      );
    } finally {
      await producer.stop();
      await lab.stop();
    }
  });
});
