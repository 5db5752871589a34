// Says why on stderr, exits with 1 (or with the status in its first argument).
process.stderr.write('cannot attach:\nno rights\n');
process.exitCode = Number(process.argv[2] ?? 1);
