import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAMILIES } from '../../agent/sshd/families.ts';
import { type ChildEvidence, type Role, roleOfChild } from '../../agent/sshd/roles.ts';

const NOTHING: ChildEvidence = {
  family: undefined,
  monitorImage: 'sshd',
  afterAuth: false,
  duringPrompt: false,
  networkChildKnown: false,
  lossy: false,
  spoke: undefined,
  ownSession: false,
  image: undefined,
  stampedSshd: true,
  forked: false,
  exited: false,
  uids: [0, 0, 0],
  clientVariable: undefined,
};
const family = (name: 'A' | 'B' | 'C' | 'D') => FAMILIES.find((f) => f.name === name);

const CASES: readonly (readonly [what: string, evidence: Partial<ChildEvidence>, role: Role])[] = [
  ['a fresh fork is nothing yet', {}, 'undecided'],
  ['whoever sends requests before authentication', { spoke: 'preauth' }, 'networkChild'],
  ['whoever sends the types of a user child', { spoke: 'postauth', afterAuth: true }, 'userChild'],
  ['an exec of sshd-auth', { image: 'sshd-auth', monitorImage: 'sshd-session' }, 'networkChild'],
  ['an exec of anything else, before', { image: 'akc', uids: [65534, 65534, 65534] }, 'helper'],
  ['an exec of anything else, after', { image: 'sh', afterAuth: true }, 'helper'],
  ['a fork after authentication that forks again', { afterAuth: true, forked: true }, 'userChild'],
  ['a fork after authentication that only ends (ssh -N)', { afterAuth: true, exited: true }, 'userChild'],
  [
    "A as root: the monitor's own child with its own session",
    { ownSession: true, image: 'bash', afterAuth: true, family: family('A') },
    'sessionLeader',
  ],
  ['D: the same before any uid change', { ownSession: true, image: 'bash', family: family('D') }, 'sessionLeader'],
  ['A as root: internal-sftp never execs', { ownSession: true, exited: true, afterAuth: true }, 'sessionLeader'],
  [
    'A: a program of pam_exec, which calls setsid, before authentication',
    { ownSession: true, image: 'sh', networkChildKnown: true },
    'helper',
  ],
  [
    'A: such a program after it, with the variables that PAM has',
    { ownSession: true, image: 'sh', networkChildKnown: true, afterAuth: true, clientVariable: false },
    'helper',
  ],
  [
    'A: the same, when the variable of a leader may have been lost',
    { ownSession: true, image: 'sh', networkChildKnown: true, afterAuth: true, clientVariable: false, lossy: true },
    'program',
  ],
  [
    "A as root: the leader's variables",
    { ownSession: true, image: 'bash', networkChildKnown: true, clientVariable: true },
    'sessionLeader',
  ],
  [
    'D: a child that became the user',
    { ownSession: true, image: 'bash', family: family('D'), uids: [1000, 1000, 1000], clientVariable: false },
    'sessionLeader',
  ],
  [
    'B and C: such a child is no session',
    { ownSession: true, image: 'daemon', afterAuth: true, family: family('B'), monitorImage: 'sshd-session' },
    'helper',
  ],
  ['a child that ends during a prompt', { exited: true, duringPrompt: true }, 'pamChild'],
  ['the first unprivileged child of a scan', { exited: true, uids: [997, 997, 997] }, 'networkChild'],
  ['a second such child', { exited: true, uids: [997, 997, 997], networkChildKnown: true }, 'pamChild'],
  ['with events lost, an end alone proves nothing', { exited: true, uids: [997, 997, 997], lossy: true }, 'undecided'],
  [
    'with events lost, a fork of what may be a program',
    { afterAuth: true, forked: true, lossy: true, stampedSshd: false },
    'undecided',
  ],
];

for (const [what, evidence, role] of CASES) {
  test(`${what}: ${role}`, () => assert.equal(roleOfChild({ ...NOTHING, ...evidence }), role));
}
