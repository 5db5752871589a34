import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { buildVariant, PROGRAM, type Producer, startProducer, textOf, whyNot } from './producer.ts';

/** A monitor message as sshd frames it: u32 length of type and payload, u8 type, payload. */
function frame(type: number, payload: Buffer): [header: Buffer, payload: Buffer] {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length + 1);
  header[4] = type;
  return [header, payload];
}

function text(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, Buffer.from(value)]);
}

const FORGED = 'forged-user';

/** A user logs in, is authenticated, and says so: what a logged-in user would like the tracer to believe. */
const STORY = [
  ...frame(8, text(FORGED)),
  ...frame(113, text(FORGED)),
  ...frame(23, Buffer.from([0, 0, 0, 1])),
  Buffer.from([0, 0, 0, 1, 26]),
];

describe('monitor messages forged by a logged-in user', { skip: whyNot() }, () => {
  let lab: Lab;
  let credulous: string;
  const producers: Producer[] = [];
  before(async () => {
    credulous = buildVariant('no-pinning', '-DNO_PINNING');
    lab = await startLab({ authorizedKeysSeconds: 0 });
  });
  after(async () => {
    for (const producer of producers) await producer.stop();
    await lab?.stop();
  });

  /** Each write of the client's becomes one write of sshd's: the next follows when the last came back. */
  async function throughInput(): Promise<void> {
    const session = await lab.startSsh({
      command: 'stty raw 2>/dev/null; echo ready; while read -rN1 c; do printf .; done',
    });
    let at = await session.waitFor('ready\n');
    for (const part of STORY) {
      session.write(part);
      at = await session.waitFor('.', at);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    session.end();
    await session.finished;
  }

  async function throughUnixSocket(): Promise<void> {
    const local = join(lab.folder, 'forward.sock');
    const remote = '/tmp/their.sock';
    const server = `perl -MSocket -e '$|=1; unlink "${remote}"; socket(S,PF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un("${remote}")); listen(S,1); print "ready\\n"; accept(C,S); while (sysread(C,$b,1000)) { syswrite(C,"."); }'`;
    const session = await lab.startSsh({ command: server, args: ['-L', `${local}:${remote}`] });
    await session.waitFor('ready\n');
    const client = await lab
      .startSsh({ command: 'true' })
      .then((run) => run.finished)
      .then(() => connectUnix(local));
    for (const part of STORY) await client.say(part);
    client.close();
    session.end();
    await session.finished;
  }

  const DOORS = [
    ['standard input', 'sys_enter', throughInput],
    ['a forwarded unix socket', 'sock_send_length', throughUnixSocket],
  ] as const;

  for (const [door, hook, forge] of DOORS) {
    test(`through ${door}: believed without the check (${hook}), not with it`, async () => {
      const args = ['--listener', String(lab.listenerPid), '--hook', hook];
      const naive = await startProducer(args, credulous);
      const real = await startProducer(args, PROGRAM);
      producers.push(naive, real);
      await forge();
      await Promise.all([naive.caughtUp(), real.caughtUp()]);
      const believed = (producer: Producer) =>
        producer.rows
          .filter((row) => row.k === 'mon' && textOf(row['data']).includes(FORGED))
          .map((row) => row['type']);
      assert.deepEqual(believed(naive), [8, 113], 'the forgery itself does not work');
      assert.deepEqual(believed(real), []);
      // Beside it the true ones are heard: one login each.
      const logins = real.rows.filter((row) => row.k === 'mon' && row['type'] === 26).length;
      assert.equal(logins, real.rows.filter((row) => row.k === 'accept').length);
    });
  }
});

interface Talker {
  /** Writes, and waits for one byte of answer. */
  say(part: Buffer): Promise<void>;
  close(): void;
}

async function connectUnix(path: string): Promise<Talker> {
  const { connect } = await import('node:net');
  const socket = connect(path);
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return {
    async say(part) {
      const answer = new Promise((resolve) => socket.once('data', resolve));
      socket.write(part);
      await answer;
    },
    close: () => socket.destroy(),
  };
}
