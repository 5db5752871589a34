/** The same logins under other configurations of the server. */
import type { Scenario } from './scenario.ts';

/** Named list of scenarios that each variant runs. */
const VARIED = ['key_exec', 'multi_key', 'pw_exec', 'pw_bad3', 'root_exec', 'pty_shell', 'mux', 'client_kill'];

interface Variant {
  readonly suffix: string;
  readonly story: string;
  readonly config: Readonly<Record<string, string>>;
}

const VARIANTS: readonly Variant[] = [
  { suffix: 'nopam', story: 'without PAM', config: { UsePAM: 'no' } },
  { suffix: 'info', story: 'with LogLevel INFO', config: { LogLevel: 'INFO' } },
];

export function variantsOf(scenarios: readonly Scenario[]): Scenario[] {
  return VARIANTS.flatMap(({ suffix, story, config }) =>
    scenarios
      .filter((scenario) => VARIED.includes(scenario.name))
      .map((scenario) => ({
        ...scenario,
        name: `${scenario.name}_${suffix}`,
        story: `${scenario.story}; ${story}`,
        lab: { ...scenario.lab, config: { ...scenario.lab?.config, ...config } },
      })),
  );
}
