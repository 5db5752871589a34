import type { ProgramRule } from '../program-rule.ts';
import { ACCOUNTS } from './accounts.ts';
import { CARRIERS } from './carriers.ts';
import { CLOUD } from './cloud.ts';
import { DATABASES } from './databases.ts';
import { TRANSFER } from './transfer.ts';

/** Every rule that comes with the agent. */
export const BUILT_IN_PROGRAMS: readonly ProgramRule[] = [
  ...CARRIERS,
  ...DATABASES,
  ...TRANSFER,
  ...CLOUD,
  ...ACCOUNTS,
];
