/** What sshd of each family and a client may do on one connection, as fast-check arbitraries. */
import fc from 'fast-check';

export type FamilyName = 'A' | 'B' | 'C' | 'D';

export interface AttemptStory {
  readonly method: 'password' | 'publickey' | 'keyboard-interactive' | 'gssapi';
  readonly query: boolean;
  readonly certificate: boolean;
  readonly ok: boolean;
  readonly badSignature: boolean;
  readonly helper: boolean;
}

export interface ProgramStory {
  readonly exec: boolean;
  readonly execs: number;
  readonly setsid: boolean;
  readonly children: readonly ProgramStory[];
  readonly code: number;
  readonly signal: number;
  readonly survives: boolean;
}

export interface SessionStory {
  readonly kind: 'shell' | 'exec' | 'internal-sftp';
  readonly pty: boolean;
  readonly leader: ProgramStory;
}

export interface ConnectionStory {
  readonly family: FamilyName;
  readonly root: boolean;
  readonly user: Uint8Array;
  readonly validUser: boolean;
  readonly reach: 'banner' | 'keyExchange' | 'user' | 'auth';
  readonly attempts: readonly AttemptStory[];
  readonly login: boolean;
  readonly accountDenied: boolean;
  readonly sessions: readonly SessionStory[];
  readonly end: 'logout' | 'vanish' | 'killed' | 'crash' | 'grace' | 'refused';
  readonly startMs: number;
  /** Of steps, ms. */
  readonly paceMs: number;
}

const program: fc.Arbitrary<ProgramStory> = fc.letrec<{ program: ProgramStory }>((tie) => ({
  program: fc.record({
    exec: fc.boolean(),
    execs: fc.integer({ min: 1, max: 3 }),
    setsid: fc.boolean(),
    children: fc.array(tie('program'), { maxLength: 2, depthIdentifier: 'program', size: 'xsmall' }),
    code: fc.nat(255),
    signal: fc.constantFrom(0, 0, 0, 9, 11, 13),
    survives: fc.boolean(),
  }),
})).program;

const session: fc.Arbitrary<SessionStory> = fc.record({
  kind: fc.constantFrom('shell', 'exec', 'internal-sftp'),
  pty: fc.boolean(),
  leader: program,
});

const attempt: fc.Arbitrary<AttemptStory> = fc.record({
  method: fc.constantFrom('password', 'publickey', 'keyboard-interactive', 'gssapi'),
  query: fc.boolean(),
  certificate: fc.boolean(),
  ok: fc.boolean(),
  badSignature: fc.boolean(),
  helper: fc.boolean(),
});

export const connectionStory: fc.Arbitrary<ConnectionStory> = fc.record({
  family: fc.constantFrom('A', 'B', 'C', 'D'),
  root: fc.boolean(),
  user: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  validUser: fc.boolean(),
  reach: fc.constantFrom('banner', 'keyExchange', 'user', 'auth', 'auth', 'auth', 'auth'),
  attempts: fc.array(attempt, { maxLength: 4 }),
  login: fc.boolean(),
  accountDenied: fc.boolean(),
  sessions: fc.array(session, { maxLength: 3 }),
  end: fc.constantFrom('logout', 'logout', 'vanish', 'killed', 'crash', 'grace', 'refused'),
  startMs: fc.nat(5_000),
  paceMs: fc.integer({ min: 1, max: 40 }),
});
