/** Grammar of one connection: a story, as the events that a producer makes of it. */
import type { ExitEvent, KernelEvent, ProcessId, Uids } from '../../agent/decode/kernel-event.ts';
import { concat, sshString, u32 } from '../sshd/events.ts';
import type { AttemptStory, ConnectionStory, ProgramStory, SessionStory } from './connection-story.ts';

const ROOT_UIDS: Uids = [0, 0, 0];
const PRIVSEP: Uids = [997, 997, 997];
const USER: Uids = [1000, 1000, 1000];
const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const cut = (bytes: Uint8Array) => ({ bytes, length: bytes.length });

interface Living {
  readonly id: ProcessId;
  role: 'sshd' | 'program';
  sid: number;
  uids: Uids;
  execId: number;
}

/** Writes the events of one connection; pids come from `nextPid`. */
export class ConnectionWriter {
  readonly events: KernelEvent[] = [];
  /** Every process of it. */
  readonly processes: ProcessId[] = [];
  #nowNs: bigint;
  readonly #stepNs: bigint;
  readonly #story: ConnectionStory;
  readonly #nextPid: () => number;
  readonly #listener: ProcessId;
  #monitor: Living;
  #net: Living | undefined;
  #survivors: (() => void)[] = [];

  constructor(story: ConnectionStory, listener: ProcessId, nextPid: () => number) {
    this.#story = story;
    this.#listener = listener;
    this.#nextPid = nextPid;
    this.#nowNs = BigInt(story.startMs) * 1_000_000n + 10_000_000_000n;
    this.#stepNs = BigInt(story.paceMs) * 1_000_000n;
    this.#monitor = this.#fork(undefined);
    this.#write();
  }

  get monitor(): ProcessId {
    return this.#monitor.id;
  }

  #tick(): bigint {
    this.#nowNs += this.#stepNs;
    return this.#nowNs;
  }

  #base(process: Living) {
    return { tsNs: this.#nowNs, process: process.id, conn: this.#monitor.id, role: process.role };
  }

  #fork(parent: Living | undefined): Living {
    const tsNs = this.#tick();
    const id = { pid: this.#nextPid(), startNs: tsNs - 1_000n };
    const child: Living = {
      id,
      role: parent?.role ?? 'sshd',
      sid: parent?.sid ?? 1,
      uids: parent?.uids ?? ROOT_UIDS,
      execId: parent?.execId ?? 2,
    };
    this.processes.push(id);
    const forker = parent === undefined ? { process: this.#listener, role: 'listener' as const } : this.#base(parent);
    this.events.push({
      kind: 'fork',
      ...forker,
      tsNs,
      child: id,
      execId: child.execId,
      sid: child.sid,
      uids: child.uids,
    });
    return child;
  }

  #exec(process: Living, parent: Living, file: string, argv: readonly string[]): void {
    process.execId++;
    if (!file.includes('sshd')) process.role = 'program';
    this.#tick();
    this.events.push({
      kind: 'exec',
      ...this.#base(process),
      ppid: parent.id.pid,
      uids: process.uids,
      sid: process.sid,
      execId: process.execId,
      comm: text(file.split('/').at(-1) ?? ''),
      file: cut(text(file)),
      argv: cut(text(argv.map((a) => `${a}\0`).join(''))),
      env: [],
    });
  }

  #exit(process: Living, code: number, signal = 0, title?: string): void {
    this.#tick();
    const exit: ExitEvent = {
      kind: 'exit',
      ...this.#base(process),
      code: signal === 0 ? code : 0,
      signal,
      core: false,
      execId: process.execId,
      sid: process.sid,
      uids: process.uids,
      ...(title === undefined ? {} : { title: text(title) }),
    };
    this.events.push(exit);
  }

  #setsid(process: Living): void {
    process.sid = process.id.pid;
    this.#tick();
    this.events.push({ kind: 'setsid', ...this.#base(process), sid: process.sid, late: false });
  }

  #setuid(process: Living, uids: Uids): void {
    process.uids = uids;
    this.#tick();
    this.events.push({ kind: 'setresuid', ...this.#base(process), uids, late: false });
  }

  #mon(process: Living, type: number, payload: Uint8Array = new Uint8Array()): void {
    if (this.#story.family === 'D') return;
    this.#tick();
    this.events.push({ kind: 'mon', ...this.#base(process), type, length: payload.length, data: cut(payload) });
  }

  #log(process: Living, line: string): void {
    this.#tick();
    this.events.push({ kind: 'log', ...this.#base(process), data: cut(text(`<38>Nov 24 09:15:02 sshd[1]: ${line}`)) });
  }

  get #net5(): Living {
    return this.#net ?? this.#monitor;
  }

  #write(): void {
    const { family, reach, end } = this.#story;
    const monitor = this.#monitor;
    this.events.push({
      kind: 'accept',
      ...this.#base(monitor),
      peer: '192.0.2.1',
      peerPort: monitor.id.pid,
      local: '192.0.2.9',
      localPort: 22,
    });
    this.#setsid(monitor);
    const image = family === 'A' || family === 'D' ? 'sshd' : 'sshd-session';
    this.#exec(monitor, { ...monitor, id: this.#listener }, `/usr/sbin/${image}`, [image, '-R']);
    if (reach === 'banner') return this.#close(255);
    if (family !== 'D') {
      this.#net = this.#fork(monitor);
      if (family === 'C') {
        this.#exec(this.#net, monitor, '/usr/lib/openssh/sshd-auth', ['sshd-auth', '-R']);
        this.#mon(this.#net, 51);
        this.#mon(monitor, 52);
      }
      this.#setuid(this.#net, PRIVSEP);
    }
    if (reach !== 'keyExchange') {
      this.#mon(this.#net5, 6);
      this.#mon(monitor, 7);
      this.#mon(this.#net5, 8, sshString(this.#story.user));
      this.#mon(monitor, 9, Uint8Array.of(this.#story.validUser ? 1 : 0));
    }
    if (reach === 'auth') this.#authenticate();
    const inside = reach === 'auth' && this.#story.login && this.#story.validUser && !this.#story.accountDenied;
    if (inside) return this.#serve();
    if (end === 'grace' && this.#net !== undefined) {
      this.#exit(this.#net, 0, 15);
      return this.#close(family === 'A' ? 1 : 3);
    }
    if (this.#net !== undefined) this.#exit(this.#net, 255, end === 'crash' ? 11 : 0);
    this.#close(end === 'refused' && family !== 'A' && family !== 'D' ? 6 : 255);
  }

  #authenticate(): void {
    for (const story of this.#story.attempts) this.#attempt({ ...story, ok: story.ok && this.#story.validUser });
    if (!this.#story.login || !this.#story.validUser) return;
    this.#attempt({
      method: 'password',
      query: false,
      certificate: false,
      ok: true,
      badSignature: false,
      helper: false,
    });
    this.#mon(this.#net5, 102);
    this.#mon(this.#monitor, 103, u32(this.#story.accountDenied ? 0 : 1));
    if (this.#story.accountDenied) return;
    if (this.#story.family === 'D')
      this.#log(this.#monitor, `Accepted password for x from 192.0.2.1 port ${this.#monitor.id.pid} ssh2`);
    this.#mon(this.#net5, 26);
    if (this.#net !== undefined) this.#exit(this.#net, 0);
  }

  #attempt(a: AttemptStory): void {
    const [net, monitor] = [this.#net5, this.#monitor];
    const helper = (file: string, uids: Uids): void => {
      if (!a.helper) return;
      const child = this.#fork(monitor);
      this.#setuid(child, uids);
      this.#exec(child, monitor, file, [file, 'x']);
      this.#exit(child, a.ok ? 0 : 1);
    };
    switch (a.method) {
      case 'password':
        this.#mon(net, 12);
        helper('/usr/sbin/unix_chkpwd', ROOT_UIDS);
        return this.#mon(monitor, 13, u32(a.ok ? 1 : 0));
      case 'gssapi':
        this.#mon(net, 46);
        return this.#mon(monitor, 47, u32(a.ok ? 1 : 0));
      case 'keyboard-interactive':
        this.#mon(net, 104);
        this.#mon(monitor, 105, u32(1));
        this.#mon(net, 106);
        this.#mon(monitor, 107, u32(0));
        this.#mon(net, 108);
        this.#mon(monitor, 109, u32(a.ok ? 0 : 0xffff_ffff));
        this.#mon(net, 110);
        return this.#mon(monitor, 111);
      case 'publickey': {
        const type = a.certificate ? 'ssh-ed25519-cert-v01@openssh.com' : 'ssh-ed25519';
        const blob = concat(
          sshString(type),
          sshString(new Uint8Array(32)),
          ...(a.certificate ? [sshString(new Uint8Array(32))] : []),
        );
        this.#mon(net, 22, concat(u32(2), sshString(''), sshString(''), sshString(blob), u32(a.query ? 0 : 1)));
        helper('/usr/local/bin/akc', [65534, 65534, 65534]);
        this.#mon(monitor, 23, u32(a.ok ? 1 : 0));
        if (!a.ok || a.query) return undefined;
        this.#mon(net, 24);
        return this.#mon(monitor, 25, u32(a.badSignature ? 1 : 0));
      }
    }
  }

  #serve(): void {
    const { family, root, end, sessions } = this.#story;
    const monitor = this.#monitor;
    const own = family === 'D' || (family === 'A' && root);
    const motd = this.#fork(monitor);
    this.#exec(motd, monitor, '/bin/sh', ['sh', '-c', 'motd']);
    this.#exit(motd, 0);
    const server = own ? monitor : this.#fork(monitor);
    if (!own) this.#setuid(server, root ? ROOT_UIDS : USER);
    for (const story of sessions) this.#session(server, story);
    if (end === 'vanish') this.#mon(server, 50);
    const code = end === 'vanish' ? 0 : 255;
    const signal = end === 'killed' ? 9 : end === 'crash' ? 11 : 0;
    if (!own) this.#exit(server, code, signal);
    this.#close(code, own ? signal : 0);
  }

  #session(server: Living, story: SessionStory): void {
    if (story.pty && this.#story.family !== 'D') {
      this.#mon(server, 28);
      this.#mon(this.#monitor, 29, concat(u32(1), sshString('/dev/pts/3'), sshString('')));
    }
    const leader = this.#fork(server);
    this.#setsid(leader);
    if (leader.uids[0] === 0 && !this.#story.root) this.#setuid(leader, USER);
    if (story.kind === 'internal-sftp') return this.#exit(leader, 0, 0, 'sshd: alice@internal-sftp');
    const argv = story.kind === 'shell' ? ['-bash'] : ['bash', '-c', 'true'];
    this.#exec(leader, server, '/bin/bash', argv);
    for (const child of story.leader.children) this.#program(leader, child);
    this.#exit(leader, story.leader.code, story.leader.signal);
  }

  #program(parent: Living, story: ProgramStory): void {
    const process = this.#fork(parent);
    if (story.setsid) this.#setsid(process);
    if (story.exec) for (let i = 0; i < story.execs; i++) this.#exec(process, parent, `/bin/p${i}`, [`p${i}`, 'x']);
    for (const child of story.children) this.#program(process, child);
    const end = (): void => this.#exit(process, story.code, story.signal);
    if (story.survives) this.#survivors.push(end);
    else end();
  }

  #close(code: number, signal = 0): void {
    this.#exit(this.#monitor, code, signal);
    for (const end of this.#survivors) end();
  }
}
