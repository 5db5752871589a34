/** The host that the spans come from. Standard `OTEL_*` variables are laid over it by the exporter. */
import type { HostFacts } from '../sshd/session-event.ts';
import { RESOURCE } from './attributes.ts';
import { limitString } from './limits.ts';
import { instanceId } from './span-ids.ts';
import type { ResourceRecord } from './span-record.ts';

/** What the conventions call the distribution: this agent. */
export const DISTRO_NAME = 'sshd-otel';

/**
 * The same bytes before and after a restart of the agent, of the producer and of the host: back ends tell a span sent
 * twice from two spans by comparing everything, and Jaeger corrects clocks between hosts that it can't tell apart. So
 * nothing of a run is in it, no pid, no boot id and no version of a producer.
 */
export function resourceOf(host: HostFacts, agentVersion: string): ResourceRecord {
  const hostId = host.machineId ?? host.hostName;
  return {
    attributes: {
      [RESOURCE.serviceName]: 'sshd',
      ...(hostId === undefined ? {} : { [RESOURCE.serviceInstanceId]: instanceId(hostId) }),
      ...(host.machineId === undefined ? {} : { [RESOURCE.hostId]: host.machineId }),
      ...(host.hostName === undefined ? {} : { [RESOURCE.hostName]: limitString(host.hostName) }),
      [RESOURCE.osType]: 'linux',
      [RESOURCE.distroName]: DISTRO_NAME,
      [RESOURCE.distroVersion]: agentVersion,
    },
  };
}
