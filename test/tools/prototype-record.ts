/**
 * Turns one record of the prototype producer into one of the event format, version 1. What the prototype didn't say
 * stays absent.
 */

/** A record of the prototype: numbers where the format has strings, numbers for roles, the kernel's address as `sk`. */
export type PrototypeRecord = Readonly<Record<string, unknown>> & { readonly k: string; readonly ts: unknown };

const ROLES = [undefined, 'listener', 'sshd', 'program'] as const;
/** AUDIT_UID_UNSET, printed signed. */
const LOGIN_UID_UNSET = -1;

/** 64-bit values become strings before JSON.parse can round them. All text in the prototype's records is hex or an address. */
export function parsePrototype(line: string): PrototypeRecord {
  const exact = line
    .replace(/"(ts|start|child_start|wall|rx|tx_sent)":(\d+)/g, '"$1":"$2"')
    .replace(/"conn":\[(\d+),(\d+)\]/, '"conn":[$1,"$2"]');
  return JSON.parse(exact) as PrototypeRecord;
}

/** Which socket it was, as a small number: an address of the kernel is nobody's business. */
function cookie(record: PrototypeRecord, cookies: Map<string, number>): string {
  const { sk, conn } = record;
  // The kernel gives an address again to another connection's socket, a cookie never.
  const socket = `${sk} ${conn}`;
  const known = cookies.get(socket);
  if (known !== undefined) return String(known);
  cookies.set(socket, cookies.size + 1);
  return String(cookies.size);
}

/** Fields of this kind, in the format's order. */
function ownFields(record: PrototypeRecord, cookies: Map<string, number>): Record<string, unknown> {
  switch (record.k) {
    case 'clock': {
      const { wall } = record;
      return { wall };
    }
    case 'fork': {
      // Its `uid` is the real one alone; the format wants all three or none.
      const { child, child_start, sid } = record;
      return { child, child_start, sid };
    }
    case 'exec': {
      const { ppid, uid, gid, sid, pgid, luid, old, comm, file, argv_len, argv } = record;
      return {
        ppid,
        uid,
        gid,
        sid,
        pgid,
        luid: luid === LOGIN_UID_UNSET ? undefined : luid,
        old,
        comm,
        file,
        argv_len,
        argv,
      };
    }
    case 'exit': {
      const { code, signal, core, uid, sid, comm, title } = record;
      return { code, signal, core, uid, sid, comm, title };
    }
    case 'accept': {
      const { peer, peer_port, local, local_port } = record;
      return { peer, peer_port, local, local_port };
    }
    case 'tcp': {
      const { old, new: next, peer, peer_port, local, local_port, rx, tx_sent, srtt_us, retrans } = record;
      // The kernel has forgotten the port when it says 0. `tx_sent` counts no FIN, and nothing was sent twice here.
      const localPort = local_port === 0 ? undefined : local_port;
      if (retrans !== 0) throw new RangeError('tx_sent counts retransmitted bytes twice');
      return {
        sk: cookie(record, cookies),
        old,
        new: next,
        peer,
        peer_port,
        local,
        local_port: localPort,
        rx,
        tx: tx_sent,
        srtt_us,
        retrans,
      };
    }
    case 'mon': {
      const { type, len, data } = record;
      // No head was cut in these files, so what was copied is all that may be.
      return { type, len, total: String(data ?? '').length / 2, data };
    }
    case 'log': {
      const { len, data } = record;
      return { len, data };
    }
    case 'setsid': {
      // The prototype had no system call hooks: it noticed both at a later event.
      const { sid } = record;
      return { sid, late: 1 };
    }
    case 'setresuid': {
      const { uid } = record;
      return { uid, late: 1 };
    }
    default:
      throw new TypeError(`no rule for records of kind ${record.k}`);
  }
}

/** The record in the format; `cookies` remembers the sockets of one file. */
export function convertRecord(record: PrototypeRecord, cookies: Map<string, number>): Record<string, unknown> {
  const { k, ts, cpu, pid, start, conn, role } = record;
  const name = ROLES[Number(role ?? 0)];
  if (role !== undefined && name === undefined) throw new RangeError('no such role');
  return {
    k,
    ts,
    cpu,
    pid,
    start,
    conn,
    role: name,
    ...ownFields(record, cookies),
  };
}
