/** All scenarios, most valuable first. */
import type { Scenario } from './scenario.ts';
import { AUTH_SCENARIOS } from './scenarios-auth.ts';
import { COMMAND_SCENARIOS } from './scenarios-command.ts';
import { END_SCENARIOS } from './scenarios-end.ts';
import { FORWARD_SCENARIOS } from './scenarios-forward.ts';
import { LOGIN_SCENARIOS } from './scenarios-login.ts';
import { MORE_SCENARIOS } from './scenarios-more.ts';
import { SERVER_SCENARIOS } from './scenarios-server.ts';
import { SESSION_SCENARIOS } from './scenarios-session.ts';
import { TOOL_SCENARIOS } from './scenarios-tools.ts';
import { variantsOf } from './scenarios-variant.ts';

const PLAIN = [...LOGIN_SCENARIOS, ...SESSION_SCENARIOS, ...END_SCENARIOS];

export const SCENARIOS: readonly Scenario[] = [
  ...PLAIN,
  ...AUTH_SCENARIOS,
  ...COMMAND_SCENARIOS,
  ...MORE_SCENARIOS,
  ...FORWARD_SCENARIOS,
  ...TOOL_SCENARIOS,
  ...SERVER_SCENARIOS,
  ...variantsOf(PLAIN),
];
