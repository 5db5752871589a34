/**
 * The two small programs that run inside the laboratory's mount namespace, as the root of the host. Values reach them as
 * arguments and files, never by being written into their text.
 */

/**
 * Covers, in a namespace of its own, all that an sshd and its users write to: `sh -c SET_UP set-up LAB ROOT KEEPER…`.
 * LAB is the prepared folder on the host, ROOT the foreign root folder or empty. Ends by becoming the keeper.
 */
export const SET_UP = `set -eu
lab=$1 root=$2
shift 2

cover() { # FOLDER MODE: nothing that is written there reaches the host
  if [ -d "$root$1" ] && [ ! -L "$root$1" ]; then mount -t tmpfs -o "mode=$2" lab "$root$1"; fi
}

cover /run 755
mkdir -m 755 "$root/run/sshd" "$root/run/lab" "$root/run/lab/dev"
mkdir -m 1777 "$root/run/lock"
cp -R "$lab/inside/." "$root/run/lab/"

# A /dev of its own: its own /dev/log, and terminals that are numbered from 0.
dev=$root/run/lab/dev
mount -t tmpfs -o mode=755 lab "$dev"
for node in null zero full random urandom tty; do
  : > "$dev/$node"
  mount --bind "/dev/$node" "$dev/$node"
done
mkdir "$dev/pts" "$dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 lab "$dev/pts"
mount -t tmpfs -o mode=1777 lab "$dev/shm"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s /proc/self/fd/0 "$dev/stdin"
ln -s /proc/self/fd/1 "$dev/stdout"
ln -s /proc/self/fd/2 "$dev/stderr"
mount --move "$dev" "$root/dev"

cover /tmp 1777
cover /var/tmp 1777
cover /var/log 755
cover /var/lib/sudo 700
cover /var/lib/lastlog 755
cover /var/lib/wtmpdb 755
cover /home 755
cover /root 700
cover /etc/ssh 755
: > "$root/var/log/wtmp"
: > "$root/var/log/lastlog"
(umask 077; : > "$root/var/log/btmp")
if [ -n "$root" ] && [ ! -e "$root/proc/self" ]; then mount -t proc proc "$root/proc"; fi

for file in passwd group shadow sudoers pam.d/sshd; do
  if [ -e "$root/etc/$file" ] && [ -e "$root/run/lab/etc/$file" ]; then
    mount --bind "$root/run/lab/etc/$file" "$root/etc/$file"
  fi
done
while IFS=: read -r user uid gid home; do
  [ "$user" = root ] || mkdir -m 755 "$root$home"
  chown "$uid:$gid" "$root$home"
done < "$root/run/lab/homes"

exec "$@"
`;

/**
 * Keeps the laboratory: listens on its /dev/log, starts sshd, and when standard input ends (also because whoever holds it
 * was killed) ends every process of this mount namespace and removes LAB. `perl -e KEEPER LAB ROOT COMMAND…`.
 * Tells on standard output: `started PID`, `log HEX` for each datagram, `exit PID STATUS` for its own child.
 */
export const KEEPER = `use strict;
use warnings;
use Socket;
use POSIX ':sys_wait_h';

my ($lab, $root, @command) = @ARGV;
$| = 1;
$SIG{PIPE} = $SIG{INT} = $SIG{HUP} = 'IGNORE';

socket(my $log, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($log, sockaddr_un("$root/dev/log")) or die "$root/dev/log: $!";
chmod 0666, "$root/dev/log";

my $child = fork // die "fork: $!";
if ($child == 0) {
  close $log;
  open STDIN, '<', '/dev/null';
  open STDOUT, '>&', \\*STDERR;
  $SIG{$_} = 'DEFAULT' for qw(PIPE INT HUP);
  exec { $command[0] } @command or die "$command[0]: $!";
}
print "started $child\\n";

my $stop = 0;
$SIG{TERM} = sub { $stop = 1 };
until ($stop) {
  my $ready = '';
  vec($ready, 0, 1) = 1;
  vec($ready, fileno $log, 1) = 1;
  my $found = select($ready, undef, undef, 0.5);
  while ((my $pid = waitpid(-1, WNOHANG)) > 0) { print "exit $pid $?\\n" }
  next if $found <= 0;
  if (vec($ready, fileno $log, 1)) {
    recv($log, my $text, 65536, 0);
    print 'log ', unpack('H*', $text), "\\n";
  }
  if (vec($ready, 0, 1)) {
    $stop = 1 unless sysread(STDIN, my $ignored, 4096);
  }
}

# The mount namespace names all that was started here, whatever has become of its parents and sessions.
my $own = readlink '/proc/self/ns/mnt';
for my $round (1 .. 500) {
  my @others = grep { $_ != $$ && (readlink("/proc/$_/ns/mnt") // '') eq $own } map { m{^/proc/(\\d+)$} } glob '/proc/[0-9]*';
  last unless @others;
  kill 'KILL', @others;
  select undef, undef, undef, 0.01;
  1 while waitpid(-1, WNOHANG) > 0;
}
for my $cover (qw(/tmp /var/tmp /run /home /root)) {
  system 'umount', '-l', $cover if $root eq '' && index($lab, "$cover/") == 0;
}
system 'rm', '-rf', '--one-file-system', $lab;
`;
