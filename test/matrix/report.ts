/** docs/fidelity.md, from the results of all cells. */
import type { Unknowable } from './facts.ts';
import type { CellResult } from './results.ts';
import type { Scenario } from './scenario.ts';

/** Why no signal gives a fact. */
const LEGEND: Readonly<Record<Unknowable, string>> = {
  'invalid-user-keys':
    'keys that are only offered for a user whom sshd does not know: sshd drops them in its unprivileged process, and neither asks its monitor nor logs a line',
  'family-of-scan':
    'which family served a client that left during the handshake: the processes that tell families apart are not there yet',
  'producer-cannot':
    'bpftrace: why a connection ended, where only a log line or a TCP state tells (a logout, a reset, a keepalive timeout); it tells no connection that was not admitted, says `scan` also of clients that spoke nonsense or had no cipher in common with sshd, and `auth_failed` also of those that sshd threw out',
  'exact-only':
    'execs that failed, files of sftp and scp, forwards of unix sockets and of the agent, and each use of a port that sshd listens on for its client: only a hook on system calls shows them, which the default mode does without',
  'closed-first':
    'bytes of a connection whose monitor ended before the client’s end of the TCP stream came: the kernel tells them when the socket changes state',
  'ended-together':
    'whether a process that was forked and never ran a program ended before the program that it counts for, where both ended at about the same time: it is counted there only if it did',
  'info-level': 'what sshd logs at VERBOSE only, where nothing else tells it',
};

const TITLES: Readonly<Record<string, string>> = {
  libbpf: 'libbpf, default mode',
  'libbpf-exact': 'libbpf, exact mode',
  bpftrace: 'bpftrace',
  replayed: 'Replayed',
};

/** The whole page. */
export function fidelityPage(cells: readonly CellResult[], scenarios: readonly Scenario[]): string {
  const live = cells.filter((cell) => cell.producer !== 'replayed');
  const servers = [...new Set(live.map((cell) => cell.server))].sort((a, b) => Number(a) - Number(b));
  const lines = [
    '# Fidelity',
    '',
    'What happened, said by others (the client, sshd’s own log, strace), against what the spans tell. Each cell is',
    '**right / wrong / missing** facts of one scenario on one server; a fact is for instance one attempt with its method, key',
    'and result, the parent of one program, its exit, when it began. `make matrix` regenerates this page, and',
    '`make matrix SERVER=10.0 SCENARIO=mux PRODUCER=libbpf` one cell of it. The compared run is itself straced, so that programs',
    'match by pid. For each kind of fact a seeded fault must turn a cell red (`test/matrix/facts.test.ts`). Each scenario’s',
    'stream on 9.2 and on 10.0 is kept in `test/streams/matrix` and compared again in each test run, but for `loop_1000` (too big) and',
    'the rows `…_unstraced`.',
    '',
    '| server | measured |',
    '| --- | --- |',
    ...servers.map((id) => `| ${id} | ${live.find((cell) => cell.server === id)?.version ?? ''} |`),
    '',
    ...totals(cells),
  ];
  for (const producer of ['libbpf', 'libbpf-exact', 'bpftrace']) {
    const own = live.filter((cell) => cell.producer === producer);
    if (own.length > 0) lines.push('', `## ${TITLES[producer]}`, '', ...table(own, servers, scenarios));
  }
  lines.push('', ...replayedTable(cells), '', ...legend(cells), '', ...HOW_COMPARED, '', ...names(scenarios, live), '');
  return lines.join('\n');
}

function totals(cells: readonly CellResult[]): string[] {
  const sum = (of: (cell: CellResult) => number) => cells.reduce((total, cell) => total + of(cell), 0);
  const right = sum((cell) => cell.right);
  const wrong = sum((cell) => cell.wrong.length);
  const missing = sum((cell) => cell.missing.length);
  const failed = cells.filter((cell) => cell.failed !== undefined).length;
  const played = cells.filter((cell) => cell.skipped === undefined).length;
  const again = cells.filter((cell) => cell.replayed === true).length;
  return [
    `${played} cells, ${right} facts right, ${wrong} wrong, ${missing} missing${failed > 0 ? `, ${failed} cells failed` : ''}.`,
    ...(again > 0
      ? [`${again} of them were played twice: beside others the machine was too busy for their times.`]
      : []),
  ];
}

function table(cells: readonly CellResult[], servers: readonly string[], scenarios: readonly Scenario[]): string[] {
  const at = (scenario: string, server: string) =>
    cellText(cells.find((cell) => cell.scenario === scenario && cell.server === server));
  const rows = scenarios.filter((scenario) => cells.some((cell) => cell.scenario === scenario.name));
  return [
    `| scenario | ${servers.join(' | ')} |`,
    `| --- |${' --- |'.repeat(servers.length)}`,
    ...rows.map(({ name }) => `| ${name} | ${servers.map((server) => at(name, server)).join(' | ')} |`),
  ];
}

function cellText(cell: CellResult | undefined): string {
  if (cell === undefined) return 'not run';
  if (cell.skipped !== undefined) return '–';
  if (cell.failed !== undefined) return '**failed**';
  const text = `${cell.right} / ${cell.wrong.length} / ${cell.missing.length}`;
  return cell.wrong.length + cell.missing.length > 0 ? `**${text}**` : text;
}

function replayedTable(cells: readonly CellResult[]): string[] {
  const replayed = cells.filter((cell) => cell.producer === 'replayed');
  if (replayed.length === 0) return [];
  return [
    '## Replayed',
    '',
    'No distribution packages family B, and no supported one family D. A story of fifteen steps was recorded on each; the facts',
    'are what the clients’ script wrote down of them, and each test run replays them.',
    '',
    '| server | family | story |',
    '| --- | --- | --- |',
    ...replayed.map((cell) => `| ${cell.version} | ${cell.server} | ${cellText(cell)} |`),
  ];
}

function legend(cells: readonly CellResult[]): string[] {
  const used = (Object.keys(LEGEND) as Unknowable[]).filter((reason) =>
    cells.some((cell) => (cell.unknowable[reason] ?? 0) > 0 || reason === 'invalid-user-keys'),
  );
  return [
    '## What cannot be known',
    '',
    'Such facts are counted neither as right nor as missing.',
    '',
    ...used.map((reason) => `- ${LEGEND[reason]}.`),
    '- Whether a command that sshd ran for a certificate was its AuthorizedPrincipalsCommand or its AuthorizedKeysCommand, where',
    '  it was given neither the certificate’s id (`%i`) nor the fingerprint of its authority (`%F`): both may run between the same',
    '  two messages. It is told as `ssh.auth.helper`.',
    '- bpftrace: all of a server outside of the host’s pid namespace, as in a container: it watches none.',
    '- Without privilege separation (family D): attempts that sshd logs at VERBOSE only, where it logs at INFO; whether a key',
    '  that was rejected had been asked about or signed with.',
  ];
}

const HOW_COMPARED = [
  '## How it is compared',
  '',
  'Times are compared within 20 ms and what strace itself is late by (up to 0.25 s on a busy machine);',
  'the rows `…_unstraced` check the times of the same stories without it: when connections and passwords came and went, and how',
  'long each `sleep` and AuthorizedKeysCommand took. The rows `…_info` are played a second time at VERBOSE, and the witnesses must',
  'say the same of both. `--listener` chooses a server that listens itself; with `sshd -i` none does, so the whole host is traced, and',
  'for an sshd in a container with `--scope all`. Not compared: CPU time and memory, groups, numbers of images and namespaces',
  '(`test/ebpf/identity.test.ts` checks them).',
];

function names(scenarios: readonly Scenario[], cells: readonly CellResult[]): string[] {
  const skipped = ({ name, notBy }: Scenario) => {
    const reasons = cells.filter((cell) => cell.scenario === name && cell.skipped !== undefined);
    const by = reasons.map(({ producer, server, skipped: why }) =>
      notBy?.(producer) === why ? `with ${producer}: ${why}` : `on ${server}: ${why}`,
    );
    return by.length === 0 ? '' : ` Not played ${[...new Set(by)].join('; ')}.`;
  };
  return ['## Scenarios', '', ...scenarios.map((one) => `- \`${one.name}\`: ${one.story}.${skipped(one)}`)];
}
