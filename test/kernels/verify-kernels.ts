/**
 * Boots the kernels of Debian's suites under emulation, lets the libbpf producer watch real logins in each, and says
 * which hooks it chose and what was missing. Needs qemu-system-x86_64, busybox-static, cpio, and the built producer.
 *
 * node test/kernels/verify-kernels.ts [SUITE...]   (default bullseye bookworm trixie sid)
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { StreamDecoder } from '../../agent/decode/stream-decoder.ts';

type Row = Readonly<Record<string, unknown>> & { readonly k: string };

const HERE = fileURLToPath(new URL('.', import.meta.url));
const CACHE = process.env['SSHD_OTEL_KERNELS'] ?? '/var/tmp/sshd-otel-kernels';
const MODES = ['auto', 'nobody', 'fentry', 'sys_enter'];
/** The emulator has the machine for itself for so long at most. */
const BOOT_SECONDS = 400;

/** What two logins of guest-init's story must show: kind and number. */
const EXPECTED: readonly (readonly [what: string, count: number, (row: Row) => boolean])[] = [
  ['accept', 2, (row) => row.k === 'accept'],
  ['fork', 27, (row) => row.k === 'fork'],
  ['exec', 23, (row) => row.k === 'exec'],
  ['exit or untracked', 27, (row) => row.k === 'exit' || row.k === 'untracked'],
  ['tcp, closed', 2, (row) => row.k === 'tcp' && row['new'] === 7],
  ['user names', 2, (row) => row.k === 'mon' && row['type'] === 8],
  ['keys offered', 5, (row) => row.k === 'mon' && row['type'] === 22],
  ['answers to them', 5, (row) => row.k === 'mon' && row['type'] === 23],
  ['authenticated', 2, (row) => row.k === 'mon' && row['type'] === 26],
  ['commands', 2, (row) => row.k === 'mon' && row['type'] === 113],
  ['environment', 4, (row) => row.k === 'env'],
  ['titles', 6, (row) => row.k === 'exit' && row['title'] !== undefined],
  ['paths of cgroups', 1, (row) => row.k === 'cgroup' && row['path'] === CGROUP && row['depth'] === 2],
  [
    'execs without their file',
    0,
    (row) => row.k === 'exec' && (row['ino'] === undefined || row['mntns'] === undefined),
  ],
  ['exits without CPU time', 0, (row) => row.k === 'exit' && row['utime'] === undefined],
  ['exit 5', 1, (row) => row.k === 'exit' && row['code'] === 5],
  ['exit 7', 1, (row) => row.k === 'exit' && row['code'] === 7],
];

/** Path of the cgroup that guest-init puts its server into. */
const CGROUP = Buffer.from(`/libpod-${'5d'.repeat(32)}.scope/ssh.service`).toString('hex');

interface Run {
  readonly mode: string;
  readonly lines: string[];
  readonly said: string[];
}

function must(command: string, args: readonly string[]): string {
  const run = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
  if (run.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${run.error?.message ?? `status ${run.status}`}`);
  return run.stdout.trim();
}

function boot(kernel: string, root: string, append: string, cpus: number): Run[] {
  const qemu = [
    '-accel',
    'tcg',
    '-cpu',
    'max',
    '-m',
    '1024',
    '-smp',
    String(cpus),
    '-nographic',
    '-no-reboot',
    '-nic',
    'none',
  ];
  const args = [
    '--foreground',
    String(BOOT_SECONDS),
    'qemu-system-x86_64',
    ...qemu,
    '-kernel',
    kernel,
    '-initrd',
    root,
  ];
  const { stdout } = spawnSync('timeout', [...args, '-append', `console=ttyS0 panic=-1 quiet ${append}`], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const runs: Run[] = [];
  for (const line of stdout.split(/\r?\n/)) {
    const mode = /=== mode (\S+)/.exec(line)?.[1];
    if (mode !== undefined) runs.push({ mode, lines: [], said: [] });
    if (line.startsWith('stream: ')) runs.at(-1)?.lines.push(line.slice(8));
    if (line.startsWith('errors: ')) runs.at(-1)?.said.push(line.slice(8));
  }
  return runs;
}

/** What is wrong with a run; nothing: all facts are there. */
function faults(run: Run): string[] {
  const decoder = new StreamDecoder();
  decoder.push(Buffer.from(`${run.lines.join('\n')}\n`));
  decoder.end();
  const { rejected, missing, duplicates } = decoder.counters;
  const found = Object.entries({ ...rejected, missing, duplicates })
    .filter(([, n]) => n > 0)
    .map(([what, n]) => `${n} ${what}`);
  const rows = run.lines.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Row] : []));
  if (rows.at(-1)?.k !== 'end') found.push('no end');
  for (const [what, count, test] of EXPECTED) {
    const n = rows.filter(test).length;
    if (n !== count) found.push(`${what}: ${n} of ${count}`);
  }
  return found;
}

function hooks(run: Run): string {
  const hello = run.lines.find((line) => line.startsWith('{"k":"hello"'));
  const list = hello === undefined ? [] : (JSON.parse(hello) as { hooks: string[] }).hooks;
  return list.filter((name) => !name.includes('sched_') && !name.includes('inet_sock')).join(' ') || '-';
}

/** Programs that the kernel says it skipped. */
function skipped(run: Run): number {
  return run.lines
    .filter((line) => line.includes('"of":"skipped:'))
    .reduce((sum, line) => sum + (JSON.parse(line) as { n: number }).n, 0);
}

function verify(suite: string, root: string): boolean {
  const kernel = must(`${HERE}fetch-kernel.sh`, [suite, `${CACHE}/${suite}`]);
  const name = must('cat', [`${CACHE}/${suite}/package`]);
  let good = true;
  const runs = boot(kernel, root, `modes=${MODES.join(',')}`, 2);
  for (const mode of MODES) {
    const run = runs.find((one) => one.mode === mode) ?? { mode, lines: [], said: ['the guest did not get that far'] };
    const wrong = run.lines.length === 0 ? [run.said[0] ?? 'no stream'] : faults(run);
    // A kernel that skips programs tells how many; what they would have told may be missing.
    const excused = wrong.length > 0 && wrong.length <= skipped(run);
    good &&= wrong.length === 0 || excused;
    const verdict =
      wrong.length === 0
        ? 'all facts'
        : `${excused ? `announced (${skipped(run)} skipped)` : 'MISSING'}: ${wrong.join('; ')}`;
    process.stdout.write(
      `${name.replace(/^linux-(image|binary)-/, '').padEnd(28)} ${mode.padEnd(10)} ${hooks(run).padEnd(58)} ${verdict}\n`,
    );
  }
  return good;
}

const suites = process.argv.length > 2 ? process.argv.slice(2) : ['bullseye', 'bookworm', 'trixie', 'sid'];
mkdirSync(CACHE, { recursive: true });
const root = `${CACHE}/root.cpio`;
must(`${HERE}make-root.sh`, [root]);
const results = suites.map((suite) => verify(suite, root));
process.exitCode = results.every((good) => good) ? 0 : 1;
