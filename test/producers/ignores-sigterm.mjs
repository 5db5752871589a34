// Only SIGKILL ends it. Says "ready" when it ignores SIGTERM.
process.on('SIGTERM', () => {});
process.on('SIGINT', () => {});
setInterval(() => {}, 1000);
process.stdout.write('ready\n');
