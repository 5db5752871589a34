import type { ProgramRule } from '../program-rule.ts';

/** Programs and words of the shell that run a command given as arguments, or as a text for a shell. */
export const CARRIERS: readonly ProgramRule[] = [
  {
    names: 'sh, bash, dash, zsh, ksh, mksh, ash, fish, rbash, rksh, csh, tcsh',
    special: { script: '-c' },
    plain: '-o -O +o +O --rcfile --init-file',
  },
  { names: 'su, runuser', special: { script: '-c --command --session-command' }, plain: '-s --shell -g -G -u -w' },
  {
    names: 'sudo',
    command: 0,
    assignments: true,
    plain: '-u --user -g --group -h --host -p --prompt -C -r --role -t --type -T -U -D --chdir -R --chroot',
    special: { prose: '--prompt' },
    input: 'secret',
    inputIf: '-S --stdin',
  },
  { names: 'doas', command: 0, assignments: true, plain: '-u -C -a' },
  {
    names: 'env',
    command: 0,
    assignments: true,
    plain: '-u --unset -C --chdir',
    special: { script: '-S --split-string' },
  },
  {
    names:
      'busybox, toybox, nohup, setsid, exec, command, builtin, noglob, nocorrect, time, proxychains, proxychains4, torsocks, catchsegv, fakeroot, setarch, linux64, eatmydata, xvfb-run, dbus-run-session',
    command: 0,
    plain: '-o --output -f --format',
  },
  { names: 'if, then, else, elif, do, while, until, !, {, coproc', command: 0 },
  { names: 'nice, ionice', command: 0, plain: '-n --adjustment -c --class -p --pid' },
  { names: 'timeout', command: 1, plain: '-k --kill-after -s --signal' },
  { names: 'chrt, taskset, chroot, cgexec', command: 1, plain: '-g --userspec --groups' },
  { names: 'stdbuf', command: 0, plain: '-i -o -e' },
  {
    names:
      'unshare, nsenter, setpriv, prlimit, chpst, setuidgid, softlimit, systemd-cat, systemd-inhibit, firejail, ltrace',
    command: 0,
    plain: '-u -t -S -G -R -w -o -e',
  },
  { names: 'strace', command: 0, plain: '-e -o -p -s -u -E -a -b -I -O -P -S -U -X' },
  {
    names: 'systemd-run',
    command: 0,
    plain: '-u -p -M -H --unit --property --slice --uid --gid --working-directory',
    special: { pair: '-E --setenv' },
  },
  { names: 'xargs, parallel', command: 0, plain: '-a -d -E -I -L -n -P -s -j --jobs --max-args --replace --delimiter' },
  { names: 'watch', command: 0, plain: '-n --interval' },
  { names: 'flock', command: 1, plain: '-w --wait --timeout -E', special: { script: '-c --command' } },
  { names: 'screen', command: 0, plain: '-S -t -c -s -e -h -p -T' },
  {
    names: 'tmux new-session, tmux new, tmux new-window, tmux neww, tmux split-window, tmux splitw',
    command: 0,
    plain: '-s -n -t -c -x -y -F -e -l',
  },
  { names: 'script', special: { script: '-c --command' } },
  { names: 'find', special: { command: '-exec -execdir -ok -okdir' }, oneDash: true },
  { names: 'eval', others: 'script' },
  { names: 'export, declare, typeset, local, readonly, setenv', others: 'pair' },
  {
    names: 'ssh',
    command: 1,
    plain: '-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -P -p -Q -R -S -W -w',
  },
];
