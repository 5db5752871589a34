/** Ways to start a server other than that it listens itself. Each makes the command that the laboratory runs. */
import type { LabLaunch } from '../../agent/lab/lab.ts';

/**
 * An inetd in perl, which every Debian has: accepts, forks, and gives the connection to `sshd -i` as its standard input and
 * output.
 */
const INETD = `use strict; use warnings; use Socket;
my ($address, $port, @command) = @ARGV;
$SIG{CHLD} = 'IGNORE';
socket(my $listening, PF_INET, SOCK_STREAM, 6) or die "socket: $!";
setsockopt($listening, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listening, sockaddr_in($port, inet_aton($address))) or die "bind: $!";
listen($listening, 20) or die "listen: $!";
for (;;) {
  accept(my $client, $listening) or next;
  my $child = fork // die "fork: $!";
  if ($child == 0) {
    $SIG{CHLD} = 'DEFAULT';
    open(STDIN, '<&', $client); open(STDOUT, '>&', $client); open(STDERR, '>', '/dev/null');
    close $client; close $listening;
    exec { $command[0] } @command;
  }
  close $client;
}`;

/** `sshd -i`, one for each connection. */
export function byInetd({ enter, sshd, config, address, ports }: LabLaunch): string[] {
  return [...enter, 'perl', '-e', INETD, address, String(ports[0]), sshd, '-i', '-f', config];
}

/** systemd's socket activation: it listens, and becomes the server when somebody comes. */
export function bySocket({ enter, sshd, config, address, ports }: LabLaunch): string[] {
  return ['systemd-socket-activate', '-l', `${address}:${ports[0]}`, ...enter, sshd, '-D', '-f', config];
}

/** A server that ends is started again, as its supervisor does. */
export function bySupervisor({ enter, sshd, config }: LabLaunch): string[] {
  return [...enter, 'sh', '-c', 'while :; do "$@"; done', 'supervisor', sshd, '-D', '-f', config];
}

/** Two servers with the same configuration, one on each port. */
export function twice({ enter, sshd, config, ports }: LabLaunch): string[] {
  const script = '"$@" -p "$other" & exec "$@" -p "$one"';
  const shell = `one=$1 other=$2; shift 2; ${script}`;
  return [...enter, 'sh', '-c', shell, 'twice', String(ports[0]), String(ports[1]), sshd, '-D', '-f', config];
}
