/**
 * Authentication as the monitor protocol tells it: requests open attempts, answers judge them, and what comes next settles
 * what a success meant. Attempts are strictly sequential, so the next request resynchronises after a loss.
 */
import type { MonitorMessageEvent } from '../decode/kernel-event.ts';
import { AnswerGaps } from './answer-gaps.ts';
import { type Attempt, AUTH, openAttempt, type Sequel, settleAttempt, type Verdict } from './attempt.ts';
import type { Connection } from './connection.ts';
import type { Handshake } from './handshake.ts';
import { keyFacts, type Sha256 } from './key-facts.ts';
import { ATTEMPT_REQUESTS, keyRequest, MONITOR, POST_AUTH_TYPES, userName, word } from './monitor-protocol.ts';
import { PHASES } from './phases.ts';
import { ROOT } from './session-event.ts';

/** u32 of a PAM answer that failed. */
const PAM_FAILED = 0xffff_ffff;

export class AuthDialogue {
  /** The attempt that waits for its answer. */
  #open: Attempt | undefined;
  /** Judged, but what it meant is not settled. */
  #judged: Attempt | undefined;
  #ordinal = 0;
  #startNs: bigint | undefined;
  #lookupNs: bigint | undefined;
  #accountNs: bigint | undefined;
  /** Since when the server waits for the client's first attempt (`none` is answered at once). */
  #firstIdleNs: bigint | undefined;
  /** Since when an open keyboard-interactive attempt is at its present step. */
  #stepNs: bigint | undefined;
  readonly #answers: AnswerGaps;
  #done = false;
  readonly #connection: Connection;
  readonly #handshake: Handshake;
  readonly #sha256: Sha256;

  constructor(connection: Connection, handshake: Handshake, sha256: Sha256) {
    this.#connection = connection;
    this.#handshake = handshake;
    this.#sha256 = sha256;
    this.#answers = new AnswerGaps(connection);
  }

  /** The attempt during which something happens now, if one is open. */
  get open(): Attempt | undefined {
    return this.#open;
  }

  get done(): boolean {
    return this.#done;
  }

  /** Authentication is under way. */
  get begun(): boolean {
    return this.#startNs !== undefined;
  }

  /** Events were lost: no stretch that spans the gap can be told, nor can an answer be given to its request. */
  gap(): void {
    if (this.#open !== undefined) this.#open.gapped = true;
    if (this.#judged !== undefined) this.#judged.gapped = true;
    this.#lookupNs = undefined;
    this.#accountNs = undefined;
    this.#firstIdleNs = undefined;
    this.#stepNs = undefined;
    this.#answers.gap();
    this.#handshake.gapped = true;
  }

  /** Without privilege separation attempts come from log lines; they share the numbering. */
  nextOrdinal(): number {
    this.#ordinal++;
    return this.#ordinal;
  }

  /** A message of the network child or of the monitor, request before answer. */
  message(m: MonitorMessageEvent): void {
    const connection = this.#connection;
    const ts = m.tsNs;
    connection.evidence.privilegeSeparation = true;
    if (POST_AUTH_TYPES.has(m.type) && !this.#done) this.finish(ts, true, false);
    if (this.#done) return; // a straggler: what it belongs to was told
    this.#handshake.message(m.type, ts);
    switch (m.type) {
      case MONITOR.reqPwnam: {
        const name = userName(m);
        if (name !== undefined) connection.user = { name, source: 'monitor' };
        this.begin(ts, true);
        this.#lookupNs = ts;
        break;
      }
      case MONITOR.ansPwnam:
        this.begin(ts, false);
        if (m.data.bytes.length > 0) connection.userValid = m.data.bytes[0] === 1;
        connection.phase(PHASES.userLookup, AUTH, this.#lookupNs, ts);
        this.#firstIdleNs = ts;
        break;
      case MONITOR.reqPamAccount:
        this.begin(ts, false);
        this.#answers.success(ts);
        this.#accountNs = ts;
        break;
      case MONITOR.ansPamAccount:
        this.begin(ts, false);
        this.#account(m);
        break;
      case MONITOR.reqKeyExport:
        this.begin(ts, false);
        this.finish(ts, true, true);
        break;
      default:
        this.#attempt(m);
    }
  }

  /** The first sign of authentication. `first`: it is the user name, as it should be. */
  begin(tsNs: bigint, first: boolean): void {
    if (this.#startNs !== undefined || this.#done) return;
    this.#startNs = tsNs;
    this.#connection.userSeen = true;
    if (first) this.#handshake.end(this.#connection, tsNs);
    else {
      this.#handshake.skip();
      this.#connection.missing('handshake');
    }
  }

  #attempt(m: MonitorMessageEvent): void {
    const ts = m.tsNs;
    const method = ATTEMPT_REQUESTS.get(m.type);
    if (method !== undefined) return this.#request(m, method);
    switch (m.type) {
      case MONITOR.ansAuthPassword:
      case MONITOR.ansGssUserOk:
        return this.#judge(this.#answered(m), word(m) === 1 ? 'yes' : 'no', ts, word(m));
      case MONITOR.ansKeyAllowed:
        return this.#keyAllowed(m);
      case MONITOR.reqKeyVerify:
        this.#signed(m);
        return undefined;
      case MONITOR.ansKeyVerify: {
        this.#signed(m);
        const attempt = this.#answered(m);
        attempt.query = false;
        return this.#judge(attempt, word(m) === 0 ? 'yes' : 'bad_signature', ts, word(m));
      }
      case MONITOR.ansPamInitCtx:
        if (word(m) === 0) this.#judge(this.#answered(m), 'no', ts, 0);
        return undefined;
      case MONITOR.ansPamQuery:
        this.#step(PHASES.challenge, ts);
        if (this.#open !== undefined && word(m) === PAM_FAILED) this.#open.verdict = 'no';
        return undefined;
      case MONITOR.reqPamRespond:
        return this.#step(PHASES.authWait, ts);
      case MONITOR.ansPamRespond: {
        this.#step(PHASES.check, ts);
        const answer = word(m);
        if (this.#open !== undefined && answer === 0) this.#open.verdict = 'yes';
        if (this.#open !== undefined && answer === PAM_FAILED) this.#open.verdict = 'no';
        return undefined;
      }
      case MONITOR.ansPamFreeCtx: {
        const attempt = this.#open;
        if (attempt?.method === 'keyboard-interactive' && attempt.verdict !== undefined) {
          this.#judge(attempt, attempt.verdict, ts, 0);
        }
        return undefined;
      }
      default:
        return undefined;
    }
  }

  #request(m: MonitorMessageEvent, method: string): void {
    const ts = m.tsNs;
    this.begin(ts, false);
    if (this.#done) return;
    this.#settle('another', ts);
    this.#waited(ts);
    const attempt = openAttempt(this.nextOrdinal(), method, ts);
    if (m.type === MONITOR.reqKeyAllowed) {
      const request = keyRequest(m);
      attempt.query = request.query;
      if (request.hostBased) attempt.method = 'hostbased';
      if (request.blob !== undefined) attempt.key = keyFacts(request.blob, this.#sha256);
    }
    this.#open = attempt;
    this.#stepNs = ts;
  }

  /** The attempt that an answer belongs to; one of unknown beginning if its request was lost. */
  #answered(m: MonitorMessageEvent): Attempt {
    const method = ATTEMPT_REQUESTS.get(m.type - 1) ?? (m.type === MONITOR.ansKeyVerify ? 'publickey' : undefined);
    const open = this.#open;
    if (open !== undefined && (open.method === method || (open.method === 'hostbased' && method === 'publickey')))
      return open;
    this.begin(m.tsNs, false);
    this.#settle('another', m.tsNs);
    const attempt = openAttempt(this.nextOrdinal(), method, m.tsNs, 'monitor', true);
    this.#open = attempt;
    this.#firstIdleNs = undefined;
    return attempt;
  }

  /** The client has signed: if the open attempt was, or may be, only a query, the request of this one was lost. */
  #signed(m: MonitorMessageEvent): void {
    const open = this.#open;
    if (open === undefined || open.query === false) return;
    if (open.query === true || open.gapped) this.#settle('another', m.tsNs);
    else open.query = false;
  }

  #keyAllowed(m: MonitorMessageEvent): void {
    const attempt = this.#answered(m);
    const allowed = word(m);
    if (allowed === 0) return this.#judge(attempt, 'no', m.tsNs, 0);
    if (allowed === 1 && attempt.query === true) return this.#judge(attempt, 'acceptable', m.tsNs, 1);
    attempt.allowedNs = m.tsNs;
    return undefined; // signed, or not known: type 25 or the next request tells
  }

  /** @param answer undefined if the answer itself was not copied: then nothing is known */
  #judge(attempt: Attempt, verdict: Verdict, tsNs: bigint, answer: number | undefined): void {
    attempt.verdict = answer === undefined || attempt.gapped ? undefined : verdict;
    if (!attempt.gapped) attempt.endNs = tsNs;
    this.#open = undefined;
    // After a prompt only some versions hold the refusal back (10.6 does, 8.4 does not), and none the success.
    const untold = attempt.startUnknown || attempt.gapped || attempt.prompts > 0;
    this.#answers.answered(untold ? undefined : attempt.startNs, tsNs);
    if (attempt.verdict === 'no' || attempt.verdict === 'acceptable') {
      settleAttempt(attempt, 'another', tsNs, this.#connection);
    } else {
      this.#judged = attempt;
    }
  }

  /** A step inside keyboard-interactive. */
  #step(phase: (typeof PHASES)['challenge' | 'authWait' | 'check'], tsNs: bigint): void {
    const attempt = this.#open;
    const since = this.#stepNs;
    this.#stepNs = tsNs;
    if (attempt === undefined || since === undefined || tsNs <= since) return;
    if (phase.owner === 'client') {
      attempt.clientNs += tsNs - since;
      // Only the answer to the first request is held back, not those to what the user typed.
      const first = attempt.prompts === 0;
      attempt.prompts++;
      const gap = { parent: attempt.ref, requestNs: attempt.startNs, answerNs: since, nextNs: tsNs };
      if (first && !attempt.gapped) return this.#answers.add(gap);
      return this.#connection.phase(attempt.gapped ? PHASES.answerGap : phase, attempt.ref, since, tsNs);
    }
    this.#connection.phase(phase, attempt.ref, since, tsNs);
    this.#connection.spend('server', since - tsNs); // the attempt itself accounts for it
  }

  /** The client was waited for, until now. */
  #waited(tsNs: bigint): void {
    this.#connection.phase(PHASES.authWait, AUTH, this.#firstIdleNs, tsNs);
    this.#firstIdleNs = undefined;
    this.#answers.next(tsNs);
  }

  #account(m: MonitorMessageEvent): void {
    this.#connection.phase(PHASES.account, AUTH, this.#accountNs, m.tsNs);
    this.#answers.answered(undefined, m.tsNs);
    if (word(m) !== 0) return;
    this.#connection.accountDenied = true;
    this.#settle('denied', m.tsNs);
  }

  #settle(sequel: Sequel, tsNs: bigint): void {
    const judged = this.#judged;
    this.#judged = undefined;
    if (judged !== undefined) settleAttempt(judged, sequel, tsNs, this.#connection);
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    if (sequel === 'another' && open.query === undefined && open.allowedNs !== undefined && !open.gapped) {
      open.verdict ??= 'acceptable'; // a query, since nothing was verified
      open.endNs ??= open.allowedNs;
    }
    settleAttempt(open, sequel, tsNs, this.#connection);
  }

  /**
   * Authentication is over.
   * @param success the user is in
   * @param proven its own signal was seen, not only what follows from it
   */
  finish(tsNs: bigint, success: boolean, proven: boolean): void {
    if (this.#done) return;
    const waits = !success && this.#open === undefined;
    if (waits) this.#waited(tsNs);
    this.#settle(success ? 'authenticated' : 'end', tsNs);
    this.#done = true;
    if (success) {
      if (proven) this.#answers.success(tsNs);
      this.#connection.authenticate(tsNs, proven);
    }
    this.#answers.tell();
    if (this.#startNs === undefined) return;
    const judged = this.#connection.attempts > 0;
    const unjudged = this.#connection.lossy ? undefined : 'aborted';
    const failed = this.#connection.authUnknown ? undefined : judged ? 'rejected' : unjudged;
    const result = success ? 'accepted' : failed;
    this.#connection.tell({ kind: 'auth', ref: AUTH, parent: ROOT, startNs: this.#startNs, endNs: tsNs, result }, tsNs);
  }
}
