/** All scenarios, most valuable first. */
import type { Scenario } from './scenario.ts';
import { END_SCENARIOS } from './scenarios-end.ts';
import { LOGIN_SCENARIOS } from './scenarios-login.ts';
import { SESSION_SCENARIOS } from './scenarios-session.ts';

export const SCENARIOS: readonly Scenario[] = [...LOGIN_SCENARIOS, ...SESSION_SCENARIOS, ...END_SCENARIOS];
