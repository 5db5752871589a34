/** Which sshds are there? */
import { type Finding, note, ok } from './finding.ts';
import type { Host } from './host.ts';

const PLACES = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'];

export async function checkSshd(host: Host): Promise<Finding[]> {
  const found = PLACES.filter((path) => host.stat(path) !== undefined);
  if (found.length === 0)
    return [note('sshd', 'none in the usual places; one may be installed later'), listeners(host)];
  const findings: Finding[] = [];
  for (const path of found) {
    // Older ones know no -V and tell their version in the complaint about it.
    const { stdout, stderr } = await host.run(path, ['-V']);
    const version = /OpenSSH_[0-9A-Za-z.]+/.exec(stdout + stderr)?.[0];
    findings.push(
      version === undefined
        ? note('sshd', `${path} is not OpenSSH, or does not tell`)
        : ok('sshd', `${path} is ${version}`),
    );
  }
  return [...findings, listeners(host)];
}

/**
 * Processes that look like a listening sshd: root's, called sshd, with the title that a listener gives itself (OpenSSH
 * 8.2 on), or the bare command line of an older one. The producer does not rely on this: it looks at sockets.
 */
function listeners(host: Host): Finding {
  const pids = host
    .list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isListener(host, `/proc/${pid}`));
  if (pids.length > 0)
    return ok('listener', `sshd listens: pid ${pids.sort((a, b) => Number(a) - Number(b)).join(', ')}`);
  return note('listener', 'no sshd listens now; tracing waits for one');
}

function isListener(host: Host, folder: string): boolean {
  if (host.readText(`${folder}/comm`)?.trim() !== 'sshd') return false;
  if (!/^Uid:\t0\t0\t/m.test(host.readText(`${folder}/status`) ?? '')) return false;
  const command = (host.readText(`${folder}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  return command.startsWith('sshd: ') ? command.includes('[listener]') : /^\/\S*sshd( |$)/.test(command);
}
