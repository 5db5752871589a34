/** Manual pages and the commented configuration file, made from the tables that the program itself reads. */
import { COMMANDS } from '../../agent/cli/commands.ts';
import { exitTable } from '../../agent/cli/help.ts';
import type { OptionSpec } from '../../agent/config/option.ts';
import { DEFAULT_FILE, SETTING_NAMES, type SettingName, specOf } from '../../agent/config/settings.ts';

/** Text of roff: no line of it is a request, no backslash an escape. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

/** Manual pages by file name. @param epoch seconds since 1970 of the build */
export function manualPages(version: string, epoch: number): ReadonlyMap<string, string> {
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  const head = (name: string, section: number) => `.TH ${name.toUpperCase()} ${section} ${date} "sshd-otel ${version}"`;
  return new Map([
    ['sshd-otel.8', [head('sshd-otel', 8), ...commandPage()].join('\n')],
    ['sshd-otel.yaml.5', [head('sshd-otel.yaml', 5), ...configPage()].join('\n')],
  ]);
}

function commandPage(): string[] {
  const commands = COMMANDS.filter((command) => command.internal !== true);
  return [
    '.SH NAME',
    'sshd-otel \\- OpenTelemetry traces of OpenSSH servers, from the outside',
    '.SH SYNOPSIS',
    '.B sshd-otel',
    '.I COMMAND',
    '.RI [ OPTION ...]',
    '.SH DESCRIPTION',
    roff('Watches stock OpenSSH servers with eBPF and tells what every login, session and command did and how long it'),
    roff('took, as OpenTelemetry traces. sshd is neither rebuilt nor reconfigured.'),
    '.PP',
    roff(
      'As a service it is two processes. sshd-otel-producer.service loads the BPF programs (CAP_BPF and CAP_PERFMON, no',
    ),
    roff(
      'network) and is started by its socket; sshd-otel.service makes traces and sends them to a collector, with no right',
    ),
    roff('at all. Either can be restarted alone; what happened in between is counted and marked in the traces.'),
    '.SH COMMANDS',
    ...commands.flatMap((command) => [
      `.SS ${[command.name, ...command.positionals.map(({ name }) => name)].map(roff).join(' ')}`,
      ...command.description.split('\n').flatMap((paragraph, i) => [...(i === 0 ? [] : ['.PP']), roff(paragraph)]),
      ...command.options.filter(({ internal }) => internal !== true).flatMap(optionEntry),
    ]),
    '.SH EXIT STATUS',
    ...exitTable().flatMap((line) => {
      const [, code, meaning] = /^ +(\d+) +(.*)$/.exec(line) ?? [undefined, undefined, line.trim()];
      return code === undefined ? [roff(meaning ?? '')] : ['.TP', code, roff(meaning ?? '')];
    }),
    '.SH FILES',
    ...entry('/etc/sshd-otel/sshd-otel.yaml', 'settings, see sshd-otel.yaml(5)'),
    ...entry('/etc/sshd-otel/headers', 'headers for the collector, its token for instance; readable for root only'),
    ...entry('/etc/default/sshd-otel', 'OTEL_* variables for the service; need not exist'),
    ...entry('/var/lib/sshd-otel', 'the host key that ids are derived from, and what could not be sent yet'),
    ...entry('/run/sshd-otel/producer.sock', 'where the agent gets the event stream'),
    '.SH SEE ALSO',
    '.BR sshd\\-otel.yaml (5),',
    '.BR sshd (8),',
    '.BR journalctl (1)',
    '',
  ];
}

function optionEntry(option: OptionSpec): string[] {
  const name = option.kind === 'flag' ? `--${option.name}` : `--${option.name} ${option.value ?? 'VALUE'}`;
  return entry(name, option.fallback === undefined ? option.help : `${option.help} (default ${option.fallback})`);
}

function entry(name: string, text: string): string[] {
  return ['.TP', `.B ${roff(name)}`, roff(text)];
}

function configPage(): string[] {
  return [
    '.SH NAME',
    'sshd-otel.yaml \\- settings of sshd\\-otel',
    '.SH DESCRIPTION',
    roff(
      `${DEFAULT_FILE} is read when the service starts, and again at systemctl reload sshd-otel, where settings marked`,
    ),
    roff(
      '"at once" take effect. Options of the command line and the standard OTEL_* variables win over it. Names with dots',
    ),
    roff('stand for sections. sshd-otel config check FILE names every mistake with its line.'),
    '.PP',
    'The one line that the service needs:',
    '.PP',
    '.nf',
    'export:',
    roff('  endpoint: http://127.0.0.1:4318'),
    '.fi',
    '.SH SETTINGS',
    ...SETTING_NAMES.flatMap(settingEntry),
    '.SH SEE ALSO',
    '.BR sshd\\-otel (8)',
    '',
  ];
}

function settingEntry(name: SettingName): string[] {
  const { expected, fallback, fallbackText, help, env, flag, reload } = specOf(name);
  const also = [...(flag === undefined ? [] : [`--${flag}`]), ...(env ?? [])];
  const text = [
    `${capitalized(help)}.`,
    `Expected: ${expected}.`,
    `Default: ${fallbackText ?? (fallback === undefined ? 'none' : String(fallback))}.`,
    ...(also.length === 0 ? [] : [`Also: ${also.join(', ')}.`]),
    `A change takes effect ${reload ? 'at once' : 'at a restart'}.`,
  ];
  return entry(name, text.join(' '));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The file as it is installed: everything in it is a comment, but for what makes a silent service. */
export function configFile(): string {
  return `# Settings of sshd-otel.service, see sshd-otel.yaml(5); everybody can read them, so a token belongs into ./headers.
# After a change: systemctl restart sshd-otel

# The one line that it needs: where the traces go.
#export:
#  endpoint: http://127.0.0.1:4318

# true: traces also as text in the journal, command lines among them
draw: false
`;
}
