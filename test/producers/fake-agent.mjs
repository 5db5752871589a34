// An agent that tells its supervisor what it should: reads the stream on stdin, writes what it read to the file in its
// first argument, tells `r` at each hello on descriptor 3 and, if its second argument is `stall`, `s` after the first.
// A second argument of digits is an exit status to leave with at once.
import { appendFileSync, writeSync } from 'node:fs';

const [file = '', behaviour = ''] = process.argv.slice(2);
if (/^\d+$/.test(behaviour)) process.exit(Number(behaviour));
let told = false;
process.stdin.on('data', (chunk) => {
  appendFileSync(file, chunk);
  if (!String(chunk).includes('"hello"')) return;
  writeSync(3, 'r');
  if (behaviour === 'stall' && !told) writeSync(3, 's');
  told = true;
});
process.stdin.on('end', () => appendFileSync(file, '# eof\n'));
