// Prints bytes that are no records: NULs, invalid UTF-8, a line without an end.
process.stdout.write(Buffer.from([0, 255, 254, 10, 123, 10]));
process.stdout.write(Buffer.alloc(300_000, 0x41));
