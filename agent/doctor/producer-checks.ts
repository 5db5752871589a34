/** Is there a tracer, and does it work? */
import { BPFTRACE_LEAST_VERSION, isBpftraceNewEnough, parseBpftraceVersion } from '../source/bpftrace-producer.ts';
import type { ProducerCandidate } from '../supervise/supervisor.ts';
import { type Finding, fail, note, ok, warn } from './finding.ts';
import type { Host } from './host.ts';

/** A producer has to begin its stream within it. */
const BEGIN_MS = 20_000;

export async function checkBpftrace(host: Host, needed: boolean): Promise<Finding> {
  const { started, stdout } = await host.run('bpftrace', ['--version']);
  const missing = needed ? fail : warn;
  if (!started) return missing('bpftrace', 'not installed', 'apt-get install bpftrace');
  const version = parseBpftraceVersion(stdout);
  if (version === undefined) return warn('bpftrace', 'it does not tell its version');
  if (isBpftraceNewEnough(version)) return ok('bpftrace', `version ${version}`);
  return missing('bpftrace', `version ${version} is too old`, `install one from ${BPFTRACE_LEAST_VERSION} on`);
}

/** Starts each producer for a moment. Without rights there is nothing to try. */
export async function checkProducers(
  host: Host,
  candidates: readonly ProducerCandidate[],
  allowed: boolean,
): Promise<Finding[]> {
  if (candidates.length === 0)
    return [fail('producer', 'there is no tracer', 'make build, or apt-get install bpftrace')];
  if (!allowed) return candidates.map(({ name }) => note(`producer ${name}`, 'there, but not tried: that needs root'));
  const findings: Finding[] = [];
  for (const { name, command, explain } of candidates) {
    const failure = await host.tryProducer(command, BEGIN_MS);
    const subject = `producer ${name}`;
    if (failure === undefined) {
      findings.push(ok(subject, 'loads and begins its stream'));
      continue;
    }
    const known = explain?.(failure.code, failure.stderr);
    const why = known?.sentence ?? failure.stderr.trim().split('\n').at(-1) ?? '';
    findings.push(warn(subject, why === '' ? failure.reason : `${failure.reason}: ${why}`, known?.remedy));
  }
  if (findings.some(({ level }) => level === 'ok')) return findings;
  return findings.map((finding) => ({
    ...finding,
    level: 'fail' as const,
    remedy: 'the lines above tell what is missing',
  }));
}
