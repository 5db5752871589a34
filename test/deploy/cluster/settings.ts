/** What the programs of the one-node cluster are told. */
import { join } from 'node:path';

export const NODE_NAME = 'node-a';
/** In the node's own network namespace; nothing of this machine is there. */
export const NODE_IP = '10.88.0.1';
const PODS = '10.88.1.0/24';
export const PAUSE_IMAGE = 'localhost/sshd-otel-pause:1';
export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

export interface Folders {
  /** Of this cluster, gone at its end. */
  readonly work: string;
  /** Below `cgroup` of each tree. */
  readonly cgroup: string;
  /** Debian's packages, unpacked. */
  readonly programs: string;
  /** kubelet and control plane. */
  readonly bin: string;
}

/** Every file by its path below the working folder. `token` is an administrator's. */
export function settingFiles({ work, cgroup, programs }: Folders, token: string): Record<string, string> {
  return {
    'tokens.csv': `${token},admin,admin,system:masters\n`,
    kubeconfig: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server: 'https://127.0.0.1:6443', 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    }),
    'kubelet.json': JSON.stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${cgroup}`,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      oomScoreAdj: 0,
      makeIPTablesUtilChains: false,
      evictionHard: { 'memory.available': '10Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      resolvConf: '',
    }),
    'cni/10-pods.conflist': JSON.stringify({
      cniVersion: '0.4.0',
      name: 'pods',
      plugins: [
        { type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet: PODS }]], routes: [{ dst: '0.0.0.0/0' }] } },
      ],
    }),
    // It may not lower the scores by which the kernel kills where memory is short.
    'containerd.toml': `version = 2
root = "${join(work, 'containerd')}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${join(programs, 'usr/lib/cni')}"
    conf_dir = "${join(work, 'cni')}"
`,
  };
}

/** Programs in the order of their start; every one stays. The API server must answer before the last ones. */
export function daemons({
  work,
  programs,
  bin,
}: Folders): readonly { readonly name: string; readonly argv: readonly string[] }[] {
  const kubeconfig = `--kubeconfig=${join(work, 'kubeconfig')}`;
  return [
    {
      name: 'etcd',
      argv: [
        join(programs, 'usr/bin/etcd'),
        ...['--data-dir', join(work, 'etcd'), '--listen-client-urls', 'http://127.0.0.1:2379'],
        ...['--advertise-client-urls', 'http://127.0.0.1:2379', '--listen-peer-urls', 'http://127.0.0.1:2380'],
      ],
    },
    { name: 'containerd', argv: [join(programs, 'usr/bin/containerd'), '--config', join(work, 'containerd.toml')] },
    {
      name: 'kube-apiserver',
      argv: [
        join(bin, 'kube-apiserver'),
        ...['--etcd-servers=http://127.0.0.1:2379', '--bind-address=127.0.0.1', `--advertise-address=${NODE_IP}`],
        ...[`--cert-dir=${join(work, 'pki')}`, `--token-auth-file=${join(work, 'tokens.csv')}`],
        ...['--authorization-mode=RBAC', '--service-cluster-ip-range=10.96.0.0/24'],
        ...[
          '--service-account-issuer=https://kubernetes.default.svc',
          `--service-account-key-file=${join(work, 'sa.key')}`,
        ],
        ...[
          `--service-account-signing-key-file=${join(work, 'sa.key')}`,
          '--kubelet-preferred-address-types=InternalIP',
        ],
      ],
    },
    {
      name: 'kube-controller-manager',
      argv: [
        join(bin, 'kube-controller-manager'),
        ...[kubeconfig, `--service-account-private-key-file=${join(work, 'sa.key')}`, '--leader-elect=false'],
        ...['--bind-address=127.0.0.1', `--cert-dir=${join(work, 'pki')}`],
      ],
    },
    {
      name: 'kube-scheduler',
      argv: [
        join(bin, 'kube-scheduler'),
        ...[kubeconfig, '--leader-elect=false', '--bind-address=127.0.0.1', `--cert-dir=${join(work, 'pki')}`],
      ],
    },
    {
      name: 'kubelet',
      argv: [
        join(bin, 'kubelet'),
        ...[kubeconfig, `--config=${join(work, 'kubelet.json')}`, `--root-dir=${join(work, 'kubelet')}`],
        ...[`--cert-dir=${join(work, 'pki')}`, `--hostname-override=${NODE_NAME}`, `--node-ip=${NODE_IP}`],
        ...['--container-runtime=remote', `--container-runtime-endpoint=unix://${CONTAINERD_SOCKET}`],
      ],
    },
  ];
}
