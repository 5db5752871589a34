/**
 * A real Kubernetes cluster of one node on this machine, for `make verify-kubernetes`: etcd, API server, controllers,
 * scheduler, kubelet, containerd and runc in a mount and network namespace of their own. Only the image's programs that
 * share the host's process numbers are where everybody is, as on any node.
 */
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type ChildOutput, runChild, startChild } from '../../../agent/source/child-process.ts';
import { run } from '../../../deploy/package/run.ts';
import { CONTAINERD_SOCKET, daemons, type Folders, NODE_IP, NODE_NAME, settingFiles } from './settings.ts';

const FOLDER = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sshd-otel', 'cluster');
const NODE_SCRIPT = join(import.meta.dirname, 'node.sh');
const READY_MS = 120_000;
const KUBECTL_MS = 180_000;

/** Why there can be no cluster here; undefined: it can. */
export function whyNoCluster(): string | undefined {
  if (process.getuid?.() !== 0) return 'a cluster needs root';
  if (!existsSync('/sys/kernel/btf/vmlinux')) return 'this kernel has no BTF';
  if (!existsSync('/sys/fs/cgroup/memory/cgroup.procs'))
    return 'no cgroups of version 1, which the Kubernetes of Debian (1.20) needs';
  if (!existsSync(join(FOLDER, 'bin/versions'))) return 'the cluster is not built: make verify-kubernetes';
  return undefined;
}

export interface Cluster {
  /** Which programs run, a line each. */
  readonly versions: readonly string[];
  kubectl(args: readonly string[], input?: string): Promise<ChildOutput>;
  /** @throws Error with what kubectl said, if it fails @returns what it printed */
  must(args: readonly string[], input?: string): Promise<string>;
  /** Lets containerd have the images of an archive. */
  importImages(archive: string): Promise<void>;
  /** Starts a program of the machine in the node's network. */
  startOnNode(command: string, args: readonly string[]): Child;
  /** The last lines of each program, for a failure. */
  tails(): string;
  stop(): Promise<void>;
}

/** @throws Error with the programs' last words, if the node does not become ready */
export async function startCluster(archive: string): Promise<Cluster> {
  const work = mkdtempSync(join(tmpdir(), 'sshd-otel-cluster-'));
  const folders = { work, cgroup: basename(work), programs: join(FOLDER, 'programs'), bin: join(FOLDER, 'bin') };
  const cluster = new RunningCluster(folders);
  try {
    await cluster.start(archive);
    return cluster;
  } catch (error) {
    const tails = cluster.tails();
    await cluster.stop();
    throw new Error(`${String(error)}\n${tails}`);
  }
}

class RunningCluster implements Cluster {
  readonly versions: string[] = [];
  readonly #folders: Folders;
  readonly #env: Record<string, string>;
  readonly #daemons: { name: string; child: Child }[] = [];
  #node: Child | undefined;

  constructor(folders: Folders) {
    this.#folders = folders;
    const { programs } = folders;
    const PATH = `${programs}/usr/bin:${programs}/usr/sbin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    const libraries = `${programs}/usr/lib/x86_64-linux-gnu`;
    this.#env = { PATH, LD_LIBRARY_PATH: libraries, HOME: folders.work, KUBECONFIG: join(folders.work, 'kubeconfig') };
  }

  async start(archive: string): Promise<void> {
    const { work, cgroup } = this.#folders;
    const token = (await run('openssl', ['rand', '-hex', '16'])).trim();
    for (const [path, text] of Object.entries(settingFiles(this.#folders, token))) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), text, { mode: 0o600 });
    }
    await run('openssl', ['genrsa', '-out', join(work, 'sa.key'), '2048']);
    this.#node = startChild({
      command: 'unshare',
      args: ['--mount', '--net', NODE_SCRIPT, work, cgroup, NODE_IP],
      stdin: 'pipe',
    });
    const node = this.#node;
    await new Promise<void>((resolve, reject) => {
      node.stdout?.once('data', () => resolve());
      void node.exited.then(({ reason }) => reject(new Error(`the node's namespace ${reason}: ${node.stderrTail()}`)));
    });
    for (const { name, argv } of daemons(this.#folders)) {
      if (name === 'kube-controller-manager') await this.#until('API server', ['get', '--raw', '/readyz']);
      if (name === 'kubelet') await this.importImages(archive);
      this.#start(name, argv);
    }
    await this.#until('node', ['wait', '--for=condition=Ready', `node/${NODE_NAME}`, '--timeout=5s']);
    const { nodeInfo } = JSON.parse(await this.must(['get', 'node', NODE_NAME, '-o', 'jsonpath={.status}'])) as {
      nodeInfo: Record<string, string>;
    };
    this.versions.push(
      `kubelet ${nodeInfo['kubeletVersion']}, ${nodeInfo['containerRuntimeVersion']}, kernel ${nodeInfo['kernelVersion']}`,
      ...[join(this.#folders.programs, 'packages'), join(this.#folders.bin, 'versions')].flatMap((file) =>
        readFileSync(file, 'utf8').trim().split('\n'),
      ),
    );
  }

  #start(name: string, argv: readonly string[]): void {
    const log = openSync(join(this.#folders.work, `${name}.log`), 'w');
    const [command, args] = this.#inside(argv);
    this.#daemons.push({ name, child: startChild({ command, args, env: this.#env, stdout: log, stderr: log }) });
  }

  #inside(argv: readonly string[]): [string, string[]] {
    return ['nsenter', [`--target=${this.#node?.pid}`, '--mount', '--net', '--', ...argv]];
  }

  async #until(what: string, args: readonly string[]): Promise<void> {
    const end = performance.now() + READY_MS;
    let said = await this.kubectl(args);
    while (said.code !== 0) {
      if (performance.now() > end) throw new Error(`no ${what}: ${said.stderr}`);
      const dead = await Promise.race([sleep(500), ...this.#daemons.map(({ name, child }) => died(name, child))]);
      if (typeof dead === 'string') throw new Error(dead);
      said = await this.kubectl(args);
    }
  }

  async kubectl(args: readonly string[], input?: string): Promise<ChildOutput> {
    const { programs, work } = this.#folders;
    const file = join(work, 'input.yaml');
    if (input !== undefined) writeFileSync(file, input);
    const [command, given] = this.#inside([
      join(programs, 'usr/bin/kubectl'),
      ...args,
      ...(input === undefined ? [] : ['-f', file]),
    ]);
    return runChild({ command, args: given, env: this.#env }, KUBECTL_MS);
  }

  async must(args: readonly string[], input?: string): Promise<string> {
    const { code, reason, stdout, stderr } = await this.kubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ${reason}: ${stderr}`);
    return stdout;
  }

  async importImages(archive: string): Promise<void> {
    const { programs } = this.#folders;
    const ctr = [join(programs, 'usr/bin/ctr'), '--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io'];
    const [command, args] = this.#inside([...ctr, 'images', 'import', archive]);
    const { code, stderr } = await runChild({ command, args, env: this.#env }, KUBECTL_MS);
    if (code !== 0) throw new Error(`containerd did not take ${archive}: ${stderr}`);
  }

  startOnNode(command: string, args: readonly string[]): Child {
    return startChild({
      command: 'nsenter',
      args: [`--target=${this.#node?.pid}`, '--net', '--', command, ...args],
      stdin: 'pipe',
    });
  }

  tails(): string {
    const names = this.#daemons.map(({ name }) => name);
    return names
      .map((name) => {
        const log = readFileSync(join(this.#folders.work, `${name}.log`), 'utf8');
        return `--- ${name}\n${log.trimEnd().split('\n').slice(-15).join('\n')}`;
      })
      .join('\n');
  }

  async stop(): Promise<void> {
    // The kubelet first, that it restart nothing.
    for (const { child } of this.#daemons.reverse()) await child.stop('SIGTERM', 10_000);
    this.#node?.stdin?.end();
    await this.#node?.exited;
    rmSync(this.#folders.work, { recursive: true, force: true });
  }
}

async function died(name: string, child: Child): Promise<string> {
  const { reason } = await child.exited;
  return `${name} ${reason}`;
}
