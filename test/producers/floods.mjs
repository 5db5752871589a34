// Writes lines for ever, as fast as the reader takes them, and noise on stderr. SIGUSR2: says on stderr how many bytes were taken so far.
const line = `${'x'.repeat(1023)}\n`;
let written = 0;
process.on('SIGUSR2', () => process.stderr.write(`taken ${written}\n`));
process.stderr.write('noise\n'.repeat(20_000));
process.stdout.write('');
for (;;) {
  await new Promise((resolve) => process.stdout.write(line, resolve));
  written += line.length;
  if (written % (256 * 1024) === 0) await new Promise((resolve) => setImmediate(resolve));
}
