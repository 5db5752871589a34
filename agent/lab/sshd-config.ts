/** sshd_config of the laboratory. */

/** A value, several lines of the same keyword, or null: leave the keyword out. */
export type ConfigValue = string | readonly string[] | null;

/** Keywords as sshd_config(5) spells them. */
export type SshdConfig = Readonly<Record<string, ConfigValue>>;

/** Where the laboratory's own files are, as its sshd sees them. */
export const INSIDE = '/run/lab';

/** What every laboratory sshd starts from. `overrides` win, keyword by keyword. */
export function sshdConfig(ports: readonly number[], overrides: SshdConfig): string {
  const config: Record<string, ConfigValue> = {
    Port: ports.map(String),
    ListenAddress: '127.0.0.1',
    HostKey: `${INSIDE}/host_key`,
    PidFile: 'none',
    LogLevel: 'VERBOSE',
    UsePAM: 'yes',
    UseDNS: 'no',
    PermitRootLogin: 'prohibit-password',
    PasswordAuthentication: 'yes',
    ChallengeResponseAuthentication: 'no',
    AuthorizedKeysFile: 'none',
    // Before the other one: 9.1 and 9.2 ignore it behind that.
    AuthorizedPrincipalsCommand: null,
    AuthorizedKeysCommand: `${INSIDE}/authorized-keys %u %f`,
    AuthorizedKeysCommandUser: 'nobody',
    AcceptEnv: 'LANG LC_* TRACEPARENT TRACESTATE',
    PrintMotd: 'no',
    Subsystem: 'sftp internal-sftp',
    ...overrides,
  };
  return Object.entries(config)
    .flatMap(([keyword, value]) => [value ?? []].flat().map((one) => `${keyword} ${one}\n`))
    .join('');
}

/** Text of the AuthorizedKeysCommand: takes `seconds`, then prints the keys of the user named first. */
export function authorizedKeysCommand(seconds: number): string {
  return `#!/bin/sh\nsleep ${seconds}\n[ ! -f "${INSIDE}/keys/$1" ] || cat "${INSIDE}/keys/$1"\n`;
}
