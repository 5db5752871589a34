import { agent } from './agent.ts';
import type { Command } from './command.ts';
import { replay } from './replay.ts';

/** Every command, in the order of the help text. */
export const COMMANDS: readonly Command[] = [replay, agent];
