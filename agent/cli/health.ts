import { join } from 'node:path';
import type { Flags } from '../config/flags.ts';
import { OPTIONS } from '../config/options.ts';
import { type Command, type CommandContext, CommandFailure } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { healthLine } from './health-report.ts';
import { askHealth, type HealthAnswer, healthSocketIn } from './health-socket.ts';
import { loadSettings } from './settings.ts';

/** A loop that turns answers in milliseconds; a busy host may take longer. */
const PATIENCE_MS = 3_000;

export const health: Command = {
  name: 'health',
  summary: 'ask the agent that runs on this host how it does; for probes',
  description:
    'Ends with status 0 if an agent answers and its producer traces, with 6 if not, and says which. With --live an ' +
    'answer is enough: an agent that waits for its producer need not be started again. A collector that is away makes ' +
    'neither fail. Run it as the user of the agent, or as root.',
  positionals: [],
  options: [OPTIONS.config, OPTIONS.stateDir, OPTIONS.live],
  examples: [
    ['sshd-otel health', 'readiness'],
    ['sshd-otel health --live', 'liveness'],
  ],
  run: runHealth,
};

async function runHealth(flags: Flags, context: CommandContext): Promise<ExitCode> {
  const stateDir = loadSettings(flags, context.env).config.get('stateDir');
  // The agent of `run` has a folder of its own.
  const answers: HealthAnswer[] = [];
  for (const folder of [stateDir, join(stateDir, 'agent')]) {
    const answer = await askHealth(healthSocketIn(folder), PATIENCE_MS);
    if ('report' in answer) {
      context.stdout.write(`${healthLine(answer.report)}\n`);
      return answer.report.state === 'ready' || flags.flag('live') ? EXIT.ok : EXIT.producer;
    }
    answers.push(answer);
  }
  throw failure(answers, stateDir);
}

function failure(answers: readonly HealthAnswer[], stateDir: string): CommandFailure {
  const has = (fault: string): boolean => answers.some((answer) => 'fault' in answer && answer.fault === fault);
  if (has('silent'))
    return new CommandFailure(EXIT.producer, `the agent does not answer within ${PATIENCE_MS / 1000} s: it hangs`);
  if (has('nonsense')) return new CommandFailure(EXIT.producer, 'what answers is no agent of this version');
  if (has('forbidden'))
    return new CommandFailure(
      EXIT.rights,
      `${stateDir} cannot be entered`,
      'run it as root or as the user of the agent',
    );
  return new CommandFailure(EXIT.producer, `no agent runs that keeps its things in ${stateDir}`);
}
