/** Account management of PAM is told as part of the authentication, also where it is all that was seen of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAll, refText, tell } from '../helpers/model.ts';

const MONITOR = '"pid":1016,"start":"1000","conn":[1016,"1000"],"role":"sshd"';
const NETWORK_CHILD = '"pid":1017,"start":"2000","conn":[1016,"1000"],"role":"sshd"';
const REQUEST = `{"k":"mon","ts":"50000000",${NETWORK_CHILD},"type":102,"len":0,"total":0,"data":""}`;

/** A refusal: what follows a success tells of the authentication, too. */
const stream = (request: readonly string[]): string[] => [
  '{"k":"hello","ts":"1","v":1,"producer":"made","version":"1","hooks":[],"fills":[]}',
  '{"k":"clock","ts":"2","wall":"1700000001000000000"}',
  `{"k":"setsid","ts":"3000",${MONITOR},"sid":1016}`,
  ...request,
  `{"k":"mon","ts":"60000000",${MONITOR},"type":103,"len":4,"total":4,"data":"00000000"}`,
  `{"k":"exit","ts":"70000000",${NETWORK_CHILD},"code":255,"signal":0,"core":0,"exec":3,"uid":[997,997,997],"sid":1016}`,
  `{"k":"exit","ts":"80000000",${MONITOR},"code":255,"signal":0,"core":0,"exec":3,"uid":[0,0,0],"sid":1016}`,
];

for (const [name, request, phases] of [
  ['request and answer', [REQUEST], ['ssh.auth.gap']],
  ['the answer alone', [], []],
] as const) {
  test(`${name}, and nothing before: the authentication is told, and its phases in it`, () => {
    const [connection] = tell(decodeAll(new TextEncoder().encode(`${stream(request).join('\n')}\n`))).connections;
    const activities = connection?.activities ?? [];
    assert.ok(activities.some(({ ref }) => refText(ref) === 'auth'));
    const inAuth = activities.flatMap((one) =>
      one.kind === 'phase' && refText(one.parent) === 'auth' ? [one.name] : [],
    );
    assert.deepEqual(inAuth, phases);
  });
}
