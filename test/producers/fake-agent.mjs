// An agent that tells its supervisor what it should: reads the stream on stdin, writes what it read to the file in its
// first argument, tells `r` at each hello on descriptor 3, `c` at an empty line, and if its second argument is `stall`, `s` after
// the first hello. If it is `slow`, it reads nothing for half a second.
// A second argument of digits is an exit status to leave with at once.
import { appendFileSync, writeSync } from 'node:fs';

const [file = '', behaviour = ''] = process.argv.slice(2);
if (/^\d+$/.test(behaviour)) process.exit(Number(behaviour));
let told = false;
let last = '\n';
if (behaviour === 'slow') await new Promise((resolve) => setTimeout(resolve, 500));
process.stdin.on('data', (chunk) => {
  appendFileSync(file, chunk);
  const text = String(chunk);
  if (text.includes('"hello"')) {
    writeSync(3, 'r');
    if (behaviour === 'stall' && !told) writeSync(3, 's');
    told = true;
  }
  if ((last + text).includes('\n\n')) writeSync(3, 'c');
  last = text.slice(-1);
});
process.stdin.on('end', () => appendFileSync(file, '# eof\n'));
