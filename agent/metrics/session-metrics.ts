/** Numbers from what the sshd model tells. */
import { ATTR, ERRORS } from '../span/attributes.ts';
import type { ExitFacts } from '../sshd/program-facts.ts';
import type { Activity, AttemptActivity, ConnectionFacts, SessionEvent, SpanRef } from '../sshd/session-event.ts';
import { METRIC_ATTR, type Measurement, type MetricName } from './metrics.ts';

/** Methods of OpenSSH; a client may send any text as one. */
const METHODS: ReadonlySet<string> = new Set([
  'none',
  'password',
  'publickey',
  'keyboard-interactive',
  'hostbased',
  'gssapi-with-mic',
  'gssapi-keyex',
]);
const OTHER = 'other';

type Values = Readonly<Record<string, string | undefined>>;

/**
 * State changes only in `apply`; it holds no more than what is open. What an operator excludes is counted all the same,
 * as a number tells of nobody.
 */
export class SessionMetrics {
  /** Open connections with their open sessions. */
  readonly #open = new Map<ConnectionFacts, Set<string>>();

  /** What this event adds. */
  apply(event: SessionEvent): Measurement[] {
    switch (event.type) {
      case 'connection-opened':
        // Of one that was over before the agent began only what survives it goes on.
        if (event.sessions === undefined || event.connection.endNs === undefined)
          this.#open.set(event.connection, new Set(event.sessions?.map(keyOf)));
        return [];
      case 'session-opened':
        this.#open.get(event.connection)?.add(keyOf(event.session));
        return [];
      case 'activity':
        if (event.activity.kind === 'session') this.#open.get(event.connection)?.delete(keyOf(event.activity.ref));
        return ofActivity(event.activity, event.connection);
      case 'connection-closed':
        this.#open.delete(event.connection);
        return ofConnection(event.connection, event.tsNs);
      default:
        return [];
    }
  }

  /** What there is now. */
  levels(): Measurement[] {
    let sessions = 0;
    for (const each of this.#open.values()) sessions += each.size;
    return [
      measured('ssh.server.active_connections', this.#open.size),
      measured('ssh.server.active_sessions', sessions),
    ];
  }
}

function ofActivity(activity: Activity, connection: ConnectionFacts): Measurement[] {
  switch (activity.kind) {
    case 'attempt':
      return ofAttempt(activity);
    case 'auth': {
      const method = activity.result === 'accepted' ? connection.authMethods.at(-1) : undefined;
      const values = { [ATTR.authMethod]: methodOf(method), [ATTR.authResult]: activity.result };
      return lasting('ssh.server.auth.duration', activity, values);
    }
    case 'helper': {
      if (activity.helper !== 'authorized_keys_command') return [];
      const values = { [ATTR.errorType]: exitError(activity.program.exit) };
      return lasting('ssh.server.authorized_keys_command.duration', activity, values);
    }
    case 'session':
      return [measured('ssh.server.sessions', 1, { [ATTR.sessionType]: activity.type })];
    case 'program': {
      if (activity.session === undefined) return [];
      const values = { [ATTR.errorType]: exitError(activity.program.exit) };
      return [measured('ssh.server.commands', 1, values), ...lasting('ssh.server.command.duration', activity, values)];
    }
    default:
      return [];
  }
}

/** As `ConnectionFacts` counts: what was not judged is no attempt. */
function ofAttempt({ method, result }: AttemptActivity): Measurement[] {
  const told = methodOf(method);
  if (result === 'acceptable') return [measured('ssh.server.auth.queries', 1, { [ATTR.authMethod]: told })];
  if (result === undefined || result === 'aborted') return [];
  return [measured('ssh.server.auth.attempts', 1, { [ATTR.authMethod]: told, [ATTR.authResult]: result })];
}

function ofConnection(connection: ConnectionFacts, closedNs: bigint): Measurement[] {
  const { startNs, endNs, login, receivedBytes, sentBytes } = connection;
  const values = {
    [ATTR.authResult]: resultOf(connection),
    [ATTR.disconnectReason]: connection.disconnectReason,
    [ATTR.errorType]: errorOf(connection),
  };
  const out = lasting('ssh.server.connection.duration', { startNs, endNs: endNs ?? closedNs }, values);
  if (login !== undefined) {
    const name = 'ssh.server.login.duration';
    out.push(measured(name, seconds(login.serverNs), { [ATTR.spentBy]: 'server' }));
    out.push(measured(name, seconds(login.clientNs), { [ATTR.spentBy]: 'client' }));
  }
  const io = (bytes: bigint | undefined, direction: string): void => {
    if (bytes === undefined) return;
    out.push(measured('ssh.server.network.io', Number(bytes), { [METRIC_ATTR.direction]: direction }));
  };
  io(receivedBytes, 'receive');
  io(sentBytes, 'transmit');
  return out;
}

/** Absent where nobody tried, and where what was not seen might have let the user in. */
function resultOf(connection: ConnectionFacts): string | undefined {
  if (connection.authenticated) return 'accepted';
  return connection.authUnknown || connection.attempts === 0 ? undefined : 'rejected';
}

/** As the span of the connection has it. */
function errorOf(connection: ConnectionFacts): string | undefined {
  if (connection.serverFailed) return ERRORS.serverFailed;
  if (resultOf(connection) !== 'rejected') return undefined;
  return connection.disconnectReason === 'grace_time' ? ERRORS.timeout : ERRORS.authFailed;
}

/** Not which code: a user chooses it, and each would be a series. */
function exitError(exit: ExitFacts | undefined): string | undefined {
  if (exit?.signal !== undefined) return 'signal';
  return exit?.code === undefined || exit.code === 0 ? undefined : 'exit_code';
}

function methodOf(method: string | undefined): string | undefined {
  return method === undefined || METHODS.has(method) ? method : OTHER;
}

/** Of what has an end; where that was not seen, nothing. */
function lasting(
  name: MetricName,
  what: { readonly startNs: bigint; readonly endNs: bigint; readonly endUnknown?: boolean | undefined },
  values: Values,
): Measurement[] {
  if (what.endUnknown === true || what.endNs < what.startNs) return [];
  return [measured(name, seconds(what.endNs - what.startNs), values)];
}

function measured(name: MetricName, value: number, values: Values = {}): Measurement {
  const attributes: Record<string, string> = {};
  for (const [key, each] of Object.entries(values)) if (each !== undefined) attributes[key] = each;
  return { name, value, attributes };
}

function keyOf(ref: SpanRef): string {
  return ref.key.join(' ');
}

function seconds(ns: bigint): number {
  return Number(ns) / 1e9;
}
