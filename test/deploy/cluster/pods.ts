/** Pods as the API server knows them, and their processes as the machine does. */
import { readdirSync, readFileSync } from 'node:fs';
import { SSHD_IMAGE } from './images.ts';

interface Status {
  readonly hostIP: string;
  readonly podIP: string;
  readonly containerStatuses: readonly { ready: boolean; restartCount: number; containerID: string }[];
}

/** What of `kubectl get pod -o json` is looked at. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: Status;
}

/** An sshd that is none of the node's. */
export const SSHD_POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'door' },
  spec: {
    terminationGracePeriodSeconds: 1,
    tolerations: [{ operator: 'Exists' }],
    containers: [
      {
        name: 'sshd',
        image: SSHD_IMAGE,
        readinessProbe: { tcpSocket: { port: 22 }, periodSeconds: 1, failureThreshold: 30 },
      },
    ],
  },
});

/** `/proc/PID` of a process of the pod whose arguments have `mark` in them. @throws Error if there is none */
export function processOf(mark: string, podUid: string): string {
  for (const name of readdirSync('/proc')) {
    const folder = `/proc/${name}`;
    const text = (file: string) => {
      try {
        return readFileSync(`${folder}/${file}`, 'latin1');
      } catch {
        return '';
      }
    };
    if (/^\d+$/.test(name) && text('cgroup').includes(`pod${podUid}`) && text('cmdline').includes(mark)) return folder;
  }
  throw new Error(`no ${mark} in pod ${podUid}`);
}
