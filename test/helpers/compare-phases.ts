/** Whether a phase that was told with records missing contradicts the whole stream. */
import type { PhaseActivity } from '../../agent/sshd/session-event.ts';
import type { ToldConnection } from './model.ts';

/** Times of an adopted process are its start, not its fork: the kernel takes them microseconds apart. */
const FORK_TOLERANCE_NS = 1_000_000n;

export const near = (a: bigint, b: bigint): boolean => (a > b ? a - b : b - a) <= FORK_TOLERANCE_NS;

/** The same stretch under the same name, or one that says less. */
export function isTruePhase(truth: ToldConnection, told: PhaseActivity): boolean {
  const phases = truth.activities.filter((a) => a.kind === 'phase');
  if (phases.some((a) => sameName(a.name, told.name) && a.startNs === told.startNs && a.endNs === told.endNs))
    return true;
  const leaderAdopted = told.name === 'ssh.session.spawn' || told.name === 'ssh.setup.channel_request';
  const almost = phases.some((a) => a.name === told.name && near(a.startNs, told.startNs) && near(a.endNs, told.endNs));
  return (leaderAdopted && almost) || isGap(truth, told) || isEstimate(truth, told);
}

/** How close two estimates of when sshd let an answer go must be: they rest on other stretches. */
const ESTIMATE_NS = 5_000_000n;

/** The border between sshd's delay and the client's time is an estimate; the outer ends are not. */
function isEstimate(truth: ToldConnection, told: PhaseActivity): boolean {
  const close = (a: bigint, b: bigint): boolean => (a > b ? a - b : b - a) <= ESTIMATE_NS;
  return truth.activities.some((a) => {
    if (a.kind !== 'phase' || a.name !== told.name) return false;
    if (told.name === 'ssh.auth.reply_delay') return a.startNs === told.startNs && close(a.endNs, told.endNs);
    return told.name === 'ssh.auth.wait' && a.endNs === told.endNs && close(a.startNs, told.startNs);
  });
}

/** Time that sshd took after a success; without the request it cannot be told that it held its answer back. */
const sameName = (real: string, told: string): boolean =>
  real === told || (real === 'ssh.auth.reply_delay' && told === 'ssh.auth.conclude');

/** Without a login that tells how long answers are held back, a stretch is told whole and without an owner. */
function isGap(truth: ToldConnection, told: PhaseActivity): boolean {
  if (told.name !== 'ssh.auth.gap') return false;
  const phases = truth.activities.filter((a) => a.kind === 'phase');
  return phases.some((a) => a.startNs === told.startNs) && phases.some((a) => a.endNs === told.endNs);
}
