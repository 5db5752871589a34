/** Paths as kubelet, containerd, CRI-O, Docker, Podman and systemd make them, with both cgroup drivers and both versions. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Container, containerOf } from '../../agent/span/container.ts';
import { bytes } from '../helpers/session-events.ts';

const ID = '3f9c1e0b7a2d4c5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6';
const OTHER = ID.replaceAll('3', '4');
const UID = '4b8dbc69-2c4e-4f4a-9f1e-2b1f6d0a7c55';
const UID_ = UID.replaceAll('-', '_');
const BURSTABLE = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`;

const ROWS: readonly [what: string, path: string, expected: Container][] = [
  ['containerd, systemd', `${BURSTABLE}/cri-containerd-${ID}.scope`, { id: ID, podUid: UID }],
  ['CRI-O, systemd', `${BURSTABLE}/crio-${ID}.scope`, { id: ID, podUid: UID }],
  ['CRI-O with crun, which adds a folder', `${BURSTABLE}/crio-${ID}.scope/container`, { id: ID, podUid: UID }],
  ['Docker below kubelet (cri-dockerd)', `${BURSTABLE}/docker-${ID}.scope`, { id: ID, podUid: UID }],
  ['a guaranteed pod', `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`, { id: ID, podUid: UID }],
  ['cgroupfs, burstable', `/kubepods/burstable/pod${UID}/${ID}`, { id: ID, podUid: UID }],
  ['cgroupfs, guaranteed', `/kubepods/pod${UID}/${ID}`, { id: ID, podUid: UID }],
  ['CRI-O, cgroupfs', `/kubepods/besteffort/pod${UID}/crio-${ID}`, { id: ID, podUid: UID }],
  ['below a root of the operator', `/nodes/kubepods/besteffort/pod${UID}/${ID}`, { id: ID, podUid: UID }],
  [
    'a kubelet inside a container (kind), version 1 of its tree',
    `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    { id: ID, podUid: UID },
  ],
  [
    'containerd for systemd with runc for cgroupfs',
    `/system.slice/containerd.service/kubepods-burstable-pod${UID_}.slice:cri-containerd:${ID}`,
    { id: ID, podUid: UID },
  ],
  ['Docker, systemd', `/system.slice/docker-${ID}.scope`, { id: ID, podUid: undefined }],
  ['Docker, cgroupfs', `/docker/${ID}`, { id: ID, podUid: undefined }],
  ['systemd in a Docker container', `/docker/${ID}/init.scope`, { id: ID, podUid: undefined }],
  ['a service in one', `/system.slice/docker-${ID}.scope/system.slice/ssh.service`, { id: ID, podUid: undefined }],
  ['Podman, systemd', `/machine.slice/libpod-${ID}.scope/container`, { id: ID, podUid: undefined }],
  ['Podman, cgroupfs', `/libpod_parent/libpod-${ID}`, { id: ID, podUid: undefined }],
  [
    'Podman in a pod of its own',
    `/machine.slice/machine-libpod_pod_${OTHER}.slice/libpod-${ID}.scope`,
    { id: ID, podUid: undefined },
  ],
  ['containerd alone', `/default/${ID}`, { id: ID, podUid: undefined }],
  ['nerdctl', `/system.slice/nerdctl-${ID}.scope`, { id: ID, podUid: undefined }],
  ['Amazon ECS', `/ecs/1a2b3c4d5e6f708192a3b4c5d6e7f809/${ID}`, { id: ID, podUid: undefined }],
  ['the pod itself', BURSTABLE, { podUid: UID }],

  ['the root', '/', {}],
  ['sshd of the host', '/system.slice/ssh.service', {}],
  ['a session that logind has moved', '/user.slice/user-1000.slice/session-3.scope', {}],
  ['who watches a container of Podman', `/machine.slice/libpod-conmon-${ID}.scope`, {}],
  ['who watches a container of CRI-O', `/kubepods.slice/crio-conmon-${ID}.scope`, {}],
  ['an id that is too short', `/docker/${ID.slice(1)}`, {}],
  ['an id that is too long', `/docker/${ID}0`, {}],
  ['capital digits', `/docker/${ID.toUpperCase()}`, {}],
  [
    'a pod of the kubelet’s own files, which has another uid',
    '/kubepods/burstable/pod0f2c1f0e5e5b4c8e9b1d2a3c4d5e6f70',
    {},
  ],
  ['a pod outside of kubepods', `/system.slice/pod${UID}`, {}],
  ['systemd in nspawn', '/machine.slice/systemd-nspawn@debian.service/payload/system.slice/ssh.service', {}],

  ['a container that root of a container claims', `/docker/${ID}/docker-${OTHER}.scope`, { id: ID, podUid: undefined }],
  ['a pod that he claims', `/docker/${ID}/kubepods/pod${UID}/${OTHER}`, { id: ID, podUid: undefined }],
  [
    'a container that a user claims below his service manager',
    `/user.slice/user-1000.slice/user@1000.service/docker-${ID}.scope`,
    {},
  ],
  [
    'one of root’s',
    `/user.slice/user-0.slice/user@0.service/user.slice/libpod-${ID}.scope`,
    { id: ID, podUid: undefined },
  ],
];

describe('container and pod from the path of a cgroup', () => {
  for (const [what, path, expected] of ROWS) {
    test(what, () => {
      const found = containerOf({ bytes: bytes(path), depth: path.split('/').length - 1 });
      assert.deepEqual({ id: found.id, podUid: found.podUid }, { id: expected.id, podUid: expected.podUid });
    });
  }

  test('a path that is cut keeps its beginning, and that decides', () => {
    const path = `/docker/${ID}`;
    assert.equal(containerOf({ bytes: bytes(path), depth: 40 }).id, ID);
  });

  test('no path, no container', () => assert.deepEqual(containerOf(undefined), {}));

  test('bytes that are no text do no harm', () => {
    assert.deepEqual(containerOf({ bytes: Uint8Array.of(0x2f, 0xff, 0xfe, 0x0a, 0x2f, 0x80), depth: 2 }), {});
  });
});
