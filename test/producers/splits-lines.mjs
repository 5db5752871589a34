// Writes two lines in pieces that end inside a line, one piece at a time.
const pieces = ['{"k":"he', 'llo"}\n{"k":', '"clock"}\n'];
for (const piece of pieces) {
  await new Promise((resolve) => process.stdout.write(piece, resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
