/**
 * Whether the two containers of a pod are joined, for exec probes: an image without a shell has nothing else to ask with.
 * Usage: node probe.js SOCKET. Ends with 0 if an agent is connected to the producer that listens there, else 1 and a reason.
 *
 * It looks at the kernel's list and does not connect itself: the producer serves one consumer at a time, and a producer that
 * listens has attached its programs only once it lets the agent in.
 */
import { readFileSync } from 'node:fs';
import { connectionState } from './socket-state.ts';

const path = process.argv[2] ?? '';
const state = connectionState(readFileSync('/proc/net/unix', 'latin1'), path);
if (state !== 'connected') {
  process.stderr.write(`${path}: ${state}\n`);
  process.exitCode = 1;
}
