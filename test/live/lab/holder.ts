/** Holds a laboratory with an open session and a program that left it, tells about them in one line, and waits to be killed. */
import { startLab } from '../../../agent/lab/lab.ts';

const lab = await startLab();
const session = await lab.startSsh({ command: 'setsid sleep 1000 > /dev/null 2>&1 & echo $!; cat' });
await session.waitFor('\n');
const keeperPid = Number(/^\/proc\/(\d+)\//.exec(lab.insideRoot)?.[1]);
process.stdout.write(`${JSON.stringify({ keeperPid, listenerPid: lab.listenerPid, folder: lab.folder })}\n`);
await session.finished;
