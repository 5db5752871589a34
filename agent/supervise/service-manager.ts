/**
 * What the service manager that started us is told (sd_notify(3)). Node has no unix datagram sockets, so that the little
 * program `systemd-notify` tells it; the unit allows that by `NotifyAccess=all`.
 */
import { type ChildOutput, runChild } from '../source/child-process.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Tell = (args: readonly string[], env: Readonly<Record<string, string>>) => Promise<ChildOutput>;

/** A manager that is busy answers late, but one that does not answer at all must not collect processes of ours. */
const TELL_MS = 10_000;

const tellBySystemdNotify: Tell = (args, env) => runChild({ command: 'systemd-notify', args, env }, TELL_MS);

/** State changes only in `ready` and `beat`. Nothing is done where no manager asked to be told. */
export class ServiceManager {
  /** ms between two beats, a third of the watchdog's patience; undefined: there is no watchdog. */
  readonly beatMs: number | undefined;
  readonly #env: Readonly<Record<string, string>> | undefined;
  readonly #tell: Tell;
  readonly #onFailure: (reason: string) => void;
  #ready = false;
  #telling = false;
  #failed = false;

  /** @param onFailure called once, if the manager cannot be told */
  constructor(env: Environment, onFailure: (reason: string) => void, tell: Tell = tellBySystemdNotify) {
    const socket = env['NOTIFY_SOCKET'] ?? '';
    // Not our whole environment: it may hold the collector's token.
    this.#env = socket === '' ? undefined : { NOTIFY_SOCKET: socket, PATH: env['PATH'] ?? '/usr/bin:/bin' };
    this.beatMs = socket === '' ? undefined : watchdogMs(env);
    this.#tell = tell;
    this.#onFailure = onFailure;
  }

  /** We do what we are there for. Later calls say nothing. */
  async ready(status: string): Promise<void> {
    if (this.#ready) return;
    this.#ready = true;
    await this.#say(['READY=1', `STATUS=${status}`]);
  }

  /** To be called every `beatMs`. `progress`: since the last time something was achieved, or there was nothing to do. */
  async beat(progress: boolean, status: string): Promise<void> {
    if (progress) await this.#say(['WATCHDOG=1', `STATUS=${status}`]);
  }

  async #say(words: readonly string[]): Promise<void> {
    if (this.#env === undefined || this.#telling) return;
    this.#telling = true;
    const { code, reason, stderr } = await this.#tell(words, this.#env);
    this.#telling = false;
    if (code === 0 || this.#failed) return;
    this.#failed = true;
    this.#onFailure(`systemd-notify ${reason}${stderr === '' ? '' : `: ${stderr.trim()}`}`);
  }
}

function watchdogMs(env: Environment): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC']);
  const pid = env['WATCHDOG_PID'];
  if (!(microseconds >= 1) || (pid !== undefined && pid !== String(process.pid))) return undefined;
  return microseconds / 1000 / 3;
}
