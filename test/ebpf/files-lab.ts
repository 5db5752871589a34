/** A private sshd whose files the libbpf producer tells in exact mode, and clients that work on them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startClient } from '../../agent/lab/client-process.ts';
import { type Lab, startLab } from '../../agent/lab/lab.ts';
import { type Producer, type Row, startProducer, textOf } from './producer.ts';
import { answerTo, type SftpRequest, sftpRequests } from './sftp-packets.ts';

export const EXTERNAL = '/usr/lib/openssh/sftp-server';

/** One operation as a line; an open together with its close. */
export function operations(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    if (row['op'] === 'close') return [];
    if (row['op'] === 'rest') return [`rest ${row['n']} ${row['failed']} ${row['read']} ${row['written']}`];
    const paths = [textOf(row['path']), ...(row['to'] === undefined ? [] : [textOf(row['to'])])].join(' -> ');
    const words = [row['mode'] ?? row['op'], paths, ...(row['ret'] === 0 ? [] : [row['ret']])];
    const close = rows.find((one) => one['op'] === 'close' && one['id'] === row['id'] && one['pid'] === row['pid']);
    if (close !== undefined && row['op'] === 'open')
      words.push(`read ${close['read']}`, `written ${close['written']}`, ...(close['forced'] === 1 ? ['forced'] : []));
    return [words.join(' ')];
  });
}

/** To be stopped. */
export class FilesLab {
  readonly lab: Lab;
  readonly producer: Producer;

  private constructor(lab: Lab, producer: Producer) {
    this.lab = lab;
    this.producer = producer;
  }

  static async start(): Promise<FilesLab> {
    const lab = await startLab({
      authorizedKeysSeconds: 0,
      config: {
        Subsystem: ['sftp internal-sftp', `external ${EXTERNAL}`],
        Match: 'User carol',
        ChrootDirectory: '/home',
        ForceCommand: 'internal-sftp',
      },
    });
    return new FilesLab(lab, await startProducer(['--listener', String(lab.listenerPid), '--exact']));
  }

  async stop(): Promise<void> {
    await this.producer.stop();
    await this.lab.stop();
  }

  /** What a client's run made the producer tell of files. */
  async told(work: () => Promise<unknown>): Promise<Row[]> {
    const first = this.producer.rows.length;
    await work();
    await this.lab.settled();
    await this.producer.caughtUp();
    return this.producer.rows.slice(first).filter((row) => row.k === 'file');
  }

  async client(program: 'sftp' | 'scp', args: readonly string[]): Promise<void> {
    const options = [...this.lab.sshArguments(), '-P', String(this.lab.port)];
    const run = startClient(program, [...options, ...args], { PATH: '/usr/bin:/bin', HOME: this.lab.folder });
    run.end();
    const { exitCode, stderr } = await run.finished;
    assert.equal(exitCode, 0, stderr);
  }

  async sftp(batch: string, args: readonly string[] = [], user = 'alice'): Promise<void> {
    const path = join(this.lab.folder, 'batch');
    await writeFile(path, batch);
    await this.client('sftp', ['-b', path, ...args, `${user}@127.0.0.1`]);
  }

  /** Bytes straight to a server, as a client that isn't OpenSSH's may send them. */
  raw(requests: readonly SftpRequest[], subsystem = 'sftp'): Promise<Row[]> {
    return this.told(async () => {
      const session = await this.lab.startSsh({ args: ['-s'], command: subsystem });
      session.write(sftpRequests(requests));
      await session.waitFor(answerTo(requests)); // a server that reads the end does not look at what came before it
      session.end();
      await session.finished;
    });
  }

  /** A path of alice's as it is seen from outside. */
  home(path: string): string {
    return join(this.lab.insideRoot, 'home/alice', path);
  }
}
