/** Which container, and which pod, the path of a cgroup belongs to. */
import type { CgroupPath } from '../decode/kernel-event.ts';
import { decodeUtf8 } from './text.ts';

export interface Container {
  /** 64 hex digits. */
  readonly id?: string | undefined;
  /** As Kubernetes writes it, with dashes. */
  readonly podUid?: string | undefined;
}

/**
 * What container runtimes call the cgroup of a container: its id alone (drivers that write the file system themselves), in a
 * scope of systemd's with their own prefix, or behind the slice in one name (containerd told to use systemd, handed to runc
 * without). `crio-conmon-` and `libpod-conmon-` are processes of the host that watch a container, and not listed.
 */
const CONTAINERS: readonly RegExp[] = [
  /^([0-9a-f]{64})$/,
  /^(?:docker|cri-containerd|containerd|nerdctl|crio|libpod|podman)-([0-9a-f]{64})(?:\.scope)?$/,
  /:cri-containerd:([0-9a-f]{64})$/,
];

const UID = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}';
/** The pod's own slice (systemd: a dash would part slices, so the uid has underscores). */
const POD_SLICE = new RegExp(`^(?:[a-z0-9]+-)*kubepods(?:-burstable|-besteffort)?-pod(${UID})\\.slice(?::|$)`);
/** Its own folder, somewhere below `kubepods`. */
const POD_FOLDER = new RegExp(`^pod(${UID})$`);

/** Where a user who is not root makes what cgroups he likes: systemd has handed the tree below to him. */
const USER_MANAGER = /^user@[1-9][0-9]*\.service$/;

const known = new WeakMap<CgroupPath, Container>();

/**
 * The outermost container of a path: of what is inside, its own root chose the names. Nothing is believed below a user's
 * service manager. Pods of the kubelet's own files have no uid of this form, and none is told.
 */
export function containerOf(path: CgroupPath | undefined): Container {
  if (path === undefined) return {};
  const found = known.get(path) ?? findContainer(decodeUtf8(path.bytes).split('/').slice(1));
  known.set(path, found);
  return found;
}

function findContainer(names: readonly string[]): Container {
  let podUid: string | undefined;
  let kubepods = false;
  for (const name of names) {
    if (USER_MANAGER.test(name)) break;
    const pod = POD_SLICE.exec(name) ?? (kubepods ? POD_FOLDER.exec(name) : null);
    podUid ??= pod?.[1]?.replaceAll('_', '-');
    kubepods ||= name === 'kubepods';
    for (const shape of CONTAINERS) {
      const id = shape.exec(name)?.[1];
      if (id !== undefined) return { id, podUid };
    }
  }
  return podUid === undefined ? {} : { podUid };
}
