import { agent } from './agent.ts';
import type { Command } from './command.ts';
import { config } from './config.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { health } from './health.ts';
import { record } from './record.ts';
import { replay } from './replay.ts';
import { run } from './run.ts';

/** Every command, in the order of the help text. */
export const COMMANDS: readonly Command[] = [run, demo, record, replay, doctor, health, config, agent];
