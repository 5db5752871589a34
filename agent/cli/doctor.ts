import { styleText } from 'node:util';
import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import { checkAgentUser, checkHostKey, checkNode } from '../doctor/agent-checks.ts';
import { checkCollector } from '../doctor/collector-check.ts';
import {
  checkCgroups,
  checkContainer,
  checkLockedMemory,
  checkProcMount,
  checkSeccomp,
  checkSecurityModules,
  checkSettings,
  checkSocket,
  checkUserNamespace,
} from '../doctor/confinement-checks.ts';
import type { Finding } from '../doctor/finding.ts';
import { type Host, realHost } from '../doctor/host.ts';
import {
  checkKernel,
  checkLockdown,
  checkNamespace,
  checkRights,
  checkTracefs,
  checkTypes,
} from '../doctor/kernel-checks.ts';
import { checkBpftrace, checkProducers } from '../doctor/producer-checks.ts';
import { checkSshd } from '../doctor/sshd-checks.ts';
import type { ExportOptions } from '../export/options.ts';
import { findProducers } from '../supervise/producers.ts';
import type { ProducerCandidate } from '../supervise/supervisor.ts';
import { escapeText } from '../view/escape.ts';
import type { Command, CommandContext } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { loadSettings } from './settings.ts';
import { hasColor } from './span-output.ts';

export const doctor: Command = {
  name: 'doctor',
  summary: 'tell whether this host can be traced, and what to do where it cannot',
  description:
    'Looks at the kernel, the rights, the tracers, sshd, and the collector if one is configured. As root it also starts ' +
    'each tracer for a moment. Without root it tells what can be told.',
  positionals: [],
  options: [OPTIONS.config, OPTIONS.stateDir],
  examples: [
    ['sudo sshd-otel doctor', 'checks everything'],
    ['sudo OTEL_EXPORTER_OTLP_ENDPOINT=https://collector:4318 sshd-otel doctor', 'also asks the collector'],
  ],
  run: runDoctor,
};

async function runDoctor(flags: Flags, context: CommandContext): Promise<ExitCode> {
  const { config, exporting } = loadSettings(flags, context.env);
  const { candidates: fallback } = await findProducers('bpftrace', {});
  const { candidates: first } = await findProducers('libbpf', {});
  const findings = await examine(realHost(), [...first, ...fallback], config.get('stateDir'), exporting);
  const color = hasColor(context.stdout.isTTY === true, context.env);
  for (const finding of findings) context.stdout.write(`${lineOf(finding, color)}\n`);
  const failed = findings.filter(({ level }) => level === 'fail');
  context.stdout.write(`\n${verdict(findings)}\n`);
  if (failed.length === 0) return EXIT.ok;
  return failed.every(({ subject }) => subject === 'collector') ? EXIT.collector : EXIT.host;
}

/** All checks, in the order in which things depend on each other. */
export async function examine(
  host: Host,
  candidates: readonly ProducerCandidate[],
  stateDir: string,
  exporting: ExportOptions,
): Promise<Finding[]> {
  const rights = checkRights(host);
  const libbpf = candidates.some(({ name }) => name === 'libbpf');
  return [
    checkKernel(host),
    checkTypes(host),
    checkLockdown(host),
    checkNamespace(host),
    checkContainer(host),
    checkUserNamespace(host),
    rights,
    checkSeccomp(host),
    checkSecurityModules(host),
    checkLockedMemory(host),
    checkSettings(host),
    checkProcMount(host),
    checkCgroups(host),
    checkTracefs(host),
    await checkBpftrace(host, !libbpf),
    ...(await checkProducers(host, candidates, rights.level === 'ok')),
    ...(await checkSshd(host)),
    checkNode(host),
    await checkAgentUser(host),
    checkSocket(host),
    checkHostKey(host, stateDir),
    await checkCollector(exporting),
  ];
}

const STYLES = { ok: 'green', note: 'gray', warn: 'yellow', fail: 'red' } as const;

function lineOf({ level, subject, text, remedy }: Finding, color: boolean): string {
  const word = color ? styleText(STYLES[level], level.padEnd(4), { validateStream: false }) : level.padEnd(4);
  const line = `${word}  ${subject.padEnd(17)} ${escapeText(text)}`;
  return remedy === undefined ? line : `${line}\n${' '.repeat(24)}→ ${escapeText(remedy)}`;
}

function verdict(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length;
  if (count('fail') > 0) return `${count('fail')} of ${findings.length} checks failed`;
  if (findings.some(({ subject, level }) => subject === 'rights' && level !== 'ok'))
    return 'nothing stands in the way as far as can be seen without root';
  return 'this host can be traced';
}
