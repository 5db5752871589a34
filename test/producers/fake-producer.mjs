// A producer that behaves as its first argument tells: lives, dies, stalls, dies-once FILE, mute, torn.
// Its stream is a real one in the small: hello, clocks, and `end` at SIGTERM.
import { existsSync, writeFileSync } from 'node:fs';

const [behaviour = 'lives', file = ''] = process.argv.slice(2);
let ns = 1_000_000_000n;
const say = (record) => process.stdout.write(`${JSON.stringify(record)}\n`);
const clock = () => {
  ns += 100_000_000n;
  say({ k: 'clock', ts: String(ns), wall: String(1_800_000_000_000_000_000n + ns) });
};
const hello = () => {
  say({ k: 'hello', v: 1, ts: String(ns), producer: 'converted', version: '1', boot_id: 'b' });
  clock();
  say({ k: 'seed-end', ts: String(ns), n: 0 });
};
process.on('SIGTERM', () => {
  say({ k: 'end', ts: String(ns), records: 0, lost: 0 });
  process.exit(0);
});
const keepsRunning = setInterval(() => undefined, 1000);
if (behaviour === 'dies') {
  process.stderr.write('no rights to trace\n');
  process.exit(4);
} else if (behaviour === 'mute') {
  // nothing
} else {
  hello();
  if (behaviour === 'dies-once' && !existsSync(file)) {
    writeFileSync(file, '');
    process.stderr.write('lost my map\n');
    process.stdout.write('{"k":"clock","ts":"12', () => process.exit(9));
  } else if (behaviour !== 'stalls') {
    setInterval(clock, 50);
  }
}
void keepsRunning;
