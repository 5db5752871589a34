/** docs/configuration.md, made from the table of settings. */
import { DEFAULT_FILE, SETTING_NAMES, type SettingName, specOf } from './settings.ts';

const HEAD = `# Configuration

<!-- Made by \`sshd-otel config reference\` from agent/config/settings.ts; a test checks that it is current. -->

One YAML file, options of the command line, and the standard \`OTEL_*\` variables. Where they disagree:
**option > variable > file > default**. The file is \`${DEFAULT_FILE}\` if there is one, or the one that \`--config\` names;
\`--config /dev/null\` uses none. \`replay\` reads a file only if it is named. Nothing in it is needed: without any setting
traces are drawn on the terminal.

\`\`\`yaml
export:
  endpoint: https://collector.example:4318
  headersFile: /etc/sshd-otel/headers # authorization: Bearer …
redaction:
  perUser: { backup: names-only }
exclude:
  users: [monitoring]
  sources: [198.51.100.0/24, "2001:db8::/32"]
  programs: [node_exporter]
\`\`\`

\`sshd-otel config check FILE\` names every mistake with its line; an unknown key is one. \`sshd-otel run --print-config\`
shows what is in force and where it comes from, secrets masked.

The agent has no privileges: the file, and those that it names, must be readable for its user (\`sshd-otel\`, or \`nobody\`
where there is no such user), for instance \`chown root:sshd-otel FILE; chmod 0640 FILE\`.

## Reload

SIGHUP reads the file again, and the files that it names. A file with a mistake changes nothing, and the mistakes are said.
What is marked *at once* is then in force; a changed setting marked *restart* is named in the log and waits. Certificates
and the file of headers are also read again within 30 s after they changed by themselves. A \`run\` that was started from a terminal
ends at SIGHUP, as the terminal is gone.

## Exclusion

Whether a connection is told of is decided once, when its first span is due, which is after the login. A user is
excluded only where he got in: who fails under his name may be somebody else. Excluded connections make no spans at all, and how many
there were is said at the end and counted.

## Settings
`;

/** The whole page. */
export function configurationPage(): string {
  const groups = new Map<string, SettingName[]>();
  for (const name of SETTING_NAMES) {
    const dot = name.indexOf('.');
    const group = dot < 0 ? '' : name.slice(0, dot);
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return `${HEAD}${[...groups].map(([group, names]) => section(group, names)).join('')}${TAIL}`;
}

const TAIL = `
Of the environment alone: \`OTEL_SDK_DISABLED=true\` never sends. \`OTEL_EXPORTER_OTLP_METRICS_\` with \`PROTOCOL\`, \`HEADERS\`, \`TIMEOUT\`,
\`COMPRESSION\`, \`CERTIFICATE\`, \`CLIENT_CERTIFICATE\` or \`CLIENT_KEY\` say how metrics are sent where that differs from spans. \`OTEL_BSP_*\` and \`OTEL_PROPAGATORS\` have no effect.
`;

function section(group: string, names: readonly SettingName[]): string {
  const rows = names.map((name) => {
    const spec = specOf(name);
    const ways = [
      ...(spec.flag === undefined ? [] : [`\`--${spec.flag}\``]),
      ...(spec.env ?? []).map((each) => `\`${each}\``),
    ];
    const fallback = spec.fallback === undefined ? (spec.fallbackText ?? 'none') : `\`${spec.fallback}\``;
    const reload = spec.reload ? 'at once' : 'restart';
    return `| \`${name}\` | ${ways.join('<br>')} | ${spec.expected} | ${fallback} | ${reload} | ${spec.help} |\n`;
  });
  const title = group === '' ? '' : `\n### ${group}\n`;
  return `${title}\n| setting | option, variables | expected | default | change | meaning |\n|---|---|---|---|---|---|\n${rows.join('')}`;
}
