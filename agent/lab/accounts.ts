/** The laboratory's users and its own versions of the account files. */

export interface LabUser {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
  /** Random for each laboratory; absent: no password would do. */
  readonly password?: string | undefined;
}

/** First uid of the users, above what distributions give to people and below what Debian reserves. */
const FIRST_UID = 59001;

/** alice, bob, carol and dave with passwords, root without one. */
export function makeUsers(newPassword: () => string): readonly LabUser[] {
  const people = ['alice', 'bob', 'carol', 'dave'].map((name, index) => ({
    name,
    uid: FIRST_UID + index,
    home: `/home/${name}`,
    password: newPassword(),
  }));
  return [...people, { name: 'root', uid: 0, home: '/root' }];
}

/** Text of the private `passwd`, `group`, `shadow` and of the list of homes that the set-up makes. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
  readonly homes: string;
}

/**
 * The host's accounts with ours instead of those of the same names.
 * @param hashes crypt hashes of the passwords by user name
 */
export function accountFiles(
  users: readonly LabUser[],
  hashes: ReadonlyMap<string, string>,
  host: { readonly passwd: string; readonly group: string },
): AccountFiles {
  const names = new Set(users.map((user) => user.name));
  const kept = (text: string) =>
    text.split('\n').filter((line) => line !== '' && !names.has(line.slice(0, Math.max(0, line.indexOf(':')))));
  const lines = (all: readonly string[]) => `${all.join('\n')}\n`;
  const keptAccounts = kept(host.passwd);
  return {
    passwd: lines([
      ...users.map((user) => `${user.name}:x:${user.uid}:${user.uid}:${user.name}:${user.home}:/bin/bash`),
      ...keptAccounts,
    ]),
    group: lines([...users.map((user) => `${user.name}:x:${user.uid}:`), ...kept(host.group)]),
    shadow: lines([
      ...users.map((user) => `${user.name}:${hashes.get(user.name) ?? '*'}:19000:0:99999:7:::`),
      ...keptAccounts.map((line) => `${line.slice(0, line.indexOf(':'))}:*:19000:0:99999:7:::`),
    ]),
    homes: lines(users.map((user) => `${user.name}:${user.uid}:${user.uid}:${user.home}`)),
  };
}

/** Alice and bob may become root by sudo without a password, nobody else may. */
export const SUDOERS = 'Defaults !fqdn\nroot ALL=(ALL:ALL) ALL\nalice, bob ALL=(ALL:ALL) NOPASSWD: ALL\n';
