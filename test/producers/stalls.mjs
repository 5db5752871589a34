// Opens a stream as a producer does, then says nothing more but lives on.
process.stdout.write(
  '{"k":"hello","v":1,"ts":"1","producer":"converted","version":"1"}\n{"k":"clock","ts":"1","wall":"1"}\n',
);
setInterval(() => {}, 1000);
