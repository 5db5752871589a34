/** Can the unprivileged half run? */
import { findAgentUser } from '../supervise/agent-command.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Host } from './host.ts';

/** As package.json asks. */
const LEAST_NODE = [22, 18] as const;

export function checkNode(host: Host): Finding {
  const [major = 0, minor = 0] = host.nodeVersion.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor))
    return ok('node', `version ${host.nodeVersion}`);
  return fail('node', `version ${host.nodeVersion} is too old`, `install one from ${leastMajor}.${leastMinor} on`);
}

export async function checkAgentUser(host: Host): Promise<Finding> {
  const { started } = await host.run('setpriv', ['--version']);
  if (!started)
    return fail(
      'agent',
      'setpriv is missing: the agent could not be started without rights',
      'apt-get install util-linux',
    );
  const user = await findAgentUser((command, args) => host.run(command, args));
  if (user === undefined)
    return fail('agent', 'there is no user sshd-otel and no user nobody', 'useradd --system sshd-otel');
  return ok('agent', `runs as ${user.name} (uid ${user.uid}), without any right`);
}

export function checkHostKey(host: Host, stateDir: string): Finding {
  const path = `${stateDir}/host.key`;
  const found = host.stat(path);
  if (found === undefined) {
    if (host.uid !== 0) return note('host key', `none in ${stateDir}, or not to be seen from here`);
    return note('host key', `none in ${stateDir} yet; made at the first start`);
  }
  if ((found.mode & 0o077) !== 0)
    return warn('host key', `${path} can be read by others, who could then guess ids of traces`, `chmod 600 ${path}`);
  return ok('host key', path);
}
