import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseLogLine } from '../../../agent/lab/witness-log.ts';
import { parseTranscript } from './client-transcript.ts';
import { parseServerLog } from './server-log.ts';
import { parseStrace } from './strace.ts';

const FP1 = 'SHA256:vUewuMfLsXBb/hTb/KU0esTSb6fU9+23FUMeBYYhjEE';
const FP2 = 'SHA256:aCulxAx8qrJ+lEqG7b1ydBH1S1SLXltaD162RMOeL24';

const hex = (text: string) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

describe('what strace saw', () => {
  it('is told in order: forks, execs with every byte of their arguments, ends', () => {
    const text = [
      '10 1795517253.042713 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f9f6d28a750) = 11',
      `11 1795517253.500000 execve("${hex('/bin/sh')}", ["${hex('sh')}", "${hex('-c')}", "${hex('a "b]\n')}", ""], 0x7ffe /* 3 vars */) = 0`,
      '11 1795517253.600000 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=12, si_uid=0, si_status=0} ---',
      '11 1795517254.000000 +++ exited with 3 +++',
      '10 1795517254.500000 +++ killed by SIGKILL +++',
      '',
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'fork', pid: 10, atMs: 1795517253042.713, child: 11 },
      {
        kind: 'exec',
        pid: 11,
        atMs: 1795517253500,
        returnedMs: 1795517253500,
        file: '/bin/sh',
        argv: ['sh', '-c', 'a "b]\n', ''],
      },
      { kind: 'end', pid: 11, atMs: 1795517254000, code: 3 },
      { kind: 'end', pid: 10, atMs: 1795517254500, signal: 'SIGKILL' },
    ]);
  });

  it('names the children of a server in a pid namespace as the host does, and says what they are called inside', () => {
    const text = [
      "10 1.000000 clone(child_stack=NULL, flags=SIGCHLD) = 2 /* 11 in strace's PID NS */ <0.000100>",
      '11 1.100000 vfork( <unfinished ...>',
      "11 1.200000 <... vfork resumed>) = 3 /* 12 in strace's PID NS */ <0.100000>",
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'fork', pid: 10, atMs: 1000, child: 11, innerChild: 2 },
      { kind: 'fork', pid: 11, atMs: 1100, child: 12, innerChild: 3 },
    ]);
  });

  it('is joined where another process came in between', () => {
    const text = [
      '20 1.000000 vfork( <unfinished ...>',
      `21 1.100000 execve("${hex('/bin/cat')}", ["${hex('cat')}"], 0x7ffe /* 3 vars */ <unfinished ...>`,
      '20 1.200000 <... vfork resumed>) = 21',
      '21 1.300000 <... execve resumed>) = 0',
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'fork', pid: 20, atMs: 1000, child: 21 },
      { kind: 'exec', pid: 21, atMs: 1100, returnedMs: 1300, file: '/bin/cat', argv: ['cat'] },
    ]);
  });

  it('tells failed execs and threads apart', () => {
    const text = [
      `30 1.000000 execve("${hex('/no')}", ["${hex('no')}"], 0x7ffe /* 3 vars */) = -1 ENOENT (No such file or directory)`,
      '30 1.100000 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD|CLONE_SYSVSEM, stack=0x7f}, 88) = 31',
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'failed-exec', pid: 30, atMs: 1000, file: '/no', errno: 'ENOENT' },
      { kind: 'thread', pid: 30, atMs: 1100, thread: 31 },
    ]);
  });

  it('gives the exec of a thread to its process', () => {
    const text = [
      '40 1.000000 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD|CLONE_SYSVSEM, stack=0x7f}, 88) = 41',
      `41 1.100000 execve("${hex('/bin/true')}", ["${hex('true')}"], 0x4bc320 /* 0 vars */ <pid changed to 40 ...>`,
      '40 1.200000 +++ superseded by execve in pid 41 +++',
      '40 1.300000 <... execve resumed>) = 0 <0.100000>',
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'thread', pid: 40, atMs: 1000, thread: 41 },
      { kind: 'exec', pid: 40, atMs: 1100, returnedMs: 1300, file: '/bin/true', argv: ['true'] },
    ]);
  });

  it('has the clients that were accepted, own sessions, and users that processes became', () => {
    const text = [
      `1 1.000000 accept(3, {sa_family=AF_INET, sin_port=htons(58339), sin_addr=inet_addr("${hex('127.0.0.9')}")}, [128 => 16]) = 4`,
      '2 1.100000 setsid()        = 2',
      '3 1.200000 setresuid(-1, 102, -1) = 0',
      '3 1.300000 setresuid(102, 102, 102) = 0',
      '3 1.400000 setsid()        = -1 EPERM (Operation not permitted)',
    ].join('\n');
    assert.deepEqual(parseStrace(text), [
      { kind: 'accept', pid: 1, atMs: 1000, address: '127.0.0.9', port: 58339 },
      { kind: 'setsid', pid: 2, atMs: 1100 },
      { kind: 'uid', pid: 3, atMs: 1300, uid: 102 },
    ]);
  });

  it('is refused where a value was cut or a line is not understood', () => {
    assert.throws(() => parseStrace(`1 1.0 execve("${hex('/a')}", ["${hex('a')}"..., 0x7ffe /* 3 vars */) = 0`), /cut/);
    assert.throws(() => parseStrace('strace: something else'), /strace wrote/);
  });
});

describe("the client's transcript", () => {
  it('names each key with its answer, the command and the exit status', () => {
    const stderr = [
      'debug1: Authentications that can continue: publickey,password',
      'debug1: Next authentication method: publickey',
      `debug1: Offering public key: /tmp/x/old laptop ECDSA ${FP1} explicit`,
      'debug1: Authentications that can continue: publickey,password',
      `debug1: Offering public key: /tmp/x/good ED25519 ${FP2} explicit`,
      `debug1: Server accepts key: /tmp/x/good ED25519 ${FP2} explicit`,
      'Authenticated to 127.0.0.1 ([127.0.0.1]:35419) using "publickey".',
      'debug1: Sending command: exit 3',
      'debug1: client_input_channel_req: channel 0 rtype exit-status reply 0',
      'debug1: Exit status 3',
    ].join('\r\n');
    assert.deepEqual(parseTranscript(stderr), {
      attempts: [
        { method: 'publickey', keyType: 'ECDSA', fingerprint: FP1, queryAccepted: false, result: 'rejected' },
        { method: 'publickey', keyType: 'ED25519', fingerprint: FP2, queryAccepted: true, result: 'accepted' },
      ],
      authenticatedWith: 'publickey',
      commands: ['exit 3'],
      exitStatus: 3,
      exitSignal: false,
    });
  });

  it('counts the passwords that were refused before the one that was right', () => {
    const refused = 'debug1: Authentications that can continue: publickey,password';
    const stderr = [refused, 'debug1: Next authentication method: password', refused, refused].join('\n');
    const results = (text: string) => parseTranscript(text).attempts.map((attempt) => attempt.result);
    assert.deepEqual(results(stderr), ['rejected', 'rejected']);
    assert.deepEqual(results(`${stderr}\nAuthenticated to h ([127.0.0.1]:22) using "password".`), [
      'rejected',
      'rejected',
      'accepted',
    ]);
  });

  it('tells a step of several from the last one, and an end by signal from an exit', () => {
    const transcript = parseTranscript(
      [
        'debug1: Next authentication method: publickey',
        `debug1: Server accepts key: /k ED25519 ${FP2} explicit`,
        'Authenticated using "publickey" with partial success.',
        'debug1: Next authentication method: password',
        'Authenticated to h ([127.0.0.1]:22) using "password".',
        'debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0',
        'debug1: Exit status -1',
      ].join('\n'),
    );
    assert.deepEqual(
      transcript.attempts.map((attempt) => [attempt.method, attempt.result]),
      [
        ['publickey', 'partial'],
        ['password', 'accepted'],
      ],
    );
    assert.equal(transcript.exitSignal, true);
    assert.equal(transcript.exitStatus, undefined);
  });
});

describe("sshd's log", () => {
  const at = (pid: number, text: string) => ({ receivedMs: 0, program: 'sshd', pid, text });

  it('is read from datagrams, and kept whole where the header is not as usual', () => {
    const line = parseLogLine(Buffer.from('<86>Nov  4 10:00:00 sshd-session[123]: Accepted x\n'), 7);
    assert.deepEqual(line, { receivedMs: 7, program: 'sshd-session', pid: 123, text: 'Accepted x' });
    assert.equal(parseLogLine(Buffer.from('hello [1]: x'), 7).text, 'hello [1]: x');
    assert.equal(parseLogLine(Buffer.from('hello [1]: x'), 7).pid, undefined);
  });

  it('tells of each connection who tried what, and joins the lines of its user child', () => {
    const [connection, ...others] = parseServerLog([
      at(1, 'Server listening on 127.0.0.1 port 33.'),
      at(5, 'Connection from 127.0.0.1 port 4 on 127.0.0.1 port 33 rdomain ""'),
      at(5, `Failed publickey for alice from 127.0.0.1 port 4 ssh2: ECDSA ${FP1}`),
      at(5, 'Postponed publickey for alice from 127.0.0.1 port 4 ssh2 [preauth]'),
      at(5, `Accepted publickey for alice from 127.0.0.1 port 4 ssh2: ED25519 ${FP2}`),
      at(5, 'User child is on pid 6'),
      at(6, 'Starting session: shell on pts/0 for alice from 127.0.0.1 port 4 id 0'),
      at(6, 'Disconnected from user alice 127.0.0.1 port 4'),
    ]);
    assert.deepEqual(others, []);
    assert.equal(connection?.peerPort, 4);
    assert.equal(connection?.acceptedMethod, 'publickey');
    assert.deepEqual(
      connection?.attempts.map((attempt) => [attempt.result, attempt.fingerprint]),
      [
        ['failed', FP1],
        ['postponed', undefined],
        ['accepted', FP2],
      ],
    );
    assert.deepEqual(connection?.sessions, ['shell on pts/0']);
    assert.deepEqual(connection?.ends, ['Disconnected from user alice 127.0.0.1 port 4']);
  });

  it('keeps the name of a user that it does not know, and does not count what was only asked', () => {
    const [connection] = parseServerLog([
      at(5, 'Invalid user a b from 127.0.0.1 port 4'),
      at(5, 'Failed none for invalid user a b from 127.0.0.1 port 4 ssh2'),
      at(5, 'Failed password for invalid user a b from 127.0.0.1 port 4 ssh2'),
    ]);
    assert.equal(connection?.user, 'a b');
    assert.equal(connection?.userValid, false);
    assert.equal(connection?.attempts.length, 1);
  });
});

describe('strace tells deaths', () => {
  it('with the C library’s name of a realtime signal, and with the core', () => {
    const text = '7 1.0 +++ killed by SIGRT_2 +++\n8 2.0 +++ killed by SIGSEGV (core dumped) +++\n';
    assert.deepEqual(parseStrace(text), [
      { kind: 'end', pid: 7, atMs: 1000, signal: 'SIGRTMIN+0' },
      { kind: 'end', pid: 8, atMs: 2000, signal: 'SIGSEGV', core: true },
    ]);
  });
});
