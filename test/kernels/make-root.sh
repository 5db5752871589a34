#!/bin/sh
# usage: make-root.sh PROGRAMS FILE [FILE-OF-MORE...]
# Packs what a guest needs: busybox, the sshd and clients of a Debian suite, unpacked in PROGRAMS, with their libraries,
# keys, the libbpf producer (PRODUCER, or this tree's), and what else is named: programs of PROGRAMS by their path there,
# other files go into /lab.
set -eu
programs=$1
file=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# One folder for programs and one for libraries, as Debian has had them since 12; the packages of 11 have two each.
merge() {
  for name in bin sbin lib lib64; do
    mkdir -p "$1/usr/$name"
    if [ -d "$1/$name" ] && [ ! -L "$1/$name" ]; then
      cp -a "$1/$name/." "$1/usr/$name/"
      rm -rf "${1:?}/$name"
    fi
    [ -L "$1/$name" ] || ln -s "usr/$name" "$1/$name"
  done
}
merge "$programs"
merge "$root"
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" "$root/lab" "$root/etc" "$root/root" \
  "$root/home/alice" "$root/var/empty"
chmod 755 "$root"

# Links lead to paths in there, not to this machine's.
place() {
  from=$1
  while [ -L "$programs$from" ]; do
    to=$(readlink "$programs$from")
    case $to in /*) from=$to ;; *) from=$(dirname "$from")/$to ;; esac
  done
  [ -e "$root$1" ] || install -D "$programs$from" "$root$1"
}
with_libraries() {
  place "$1"
  chroot "$programs" /lib64/ld-linux-x86-64.so.2 --list "$1" | sed -n 's/^.*[ 	]\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
    place "$library"
  done
}
for program in /usr/sbin/sshd /usr/bin/ssh /usr/bin/sftp /usr/bin/ssh-agent /usr/bin/ssh-add /usr/lib/openssh/sftp-server \
  /usr/lib/openssh/sshd-session /usr/lib/openssh/sshd-auth /usr/bin/setpriv; do
  [ ! -e "$programs$program" ] || with_libraries "$program"
done
for library in "$programs"/lib/*-linux-gnu/libnss_files.so.2; do
  [ ! -e "$library" ] || place "${library#"$programs"}"
done
for more; do
  if [ -e "$programs$more" ]; then with_libraries "$more"; else install "$more" "$root/lab/"; fi
done
# Not over the suite's own programs.
install "$(command -v busybox)" "$root/usr/bin/busybox"
install "${PRODUCER:-$here/../../ebpf/.output/sshd-otel-producer}" "$root/lab/producer"
install "$here/guest-init" "$root/init"
install "$here/guest-story" "$root/lab/story"

cat > "$root/etc/passwd" <<'PASSWD'
root:x:0:0::/root:/bin/sh
sshd:x:100:100::/run/sshd:/bin/false
alice:x:1000:1000::/home/alice:/bin/sh
nobody:x:65534:65534::/:/bin/false
PASSWD
printf 'root:x:0:\nsshd:x:100:\ntty:x:5:\nalice:x:1000:\nnogroup:x:65534:\n' > "$root/etc/group"
printf 'root:*:1::::::\nalice:%s:1::::::\n' "$(openssl passwd -6 -salt salt right)" > "$root/etc/shadow"
echo 'hosts: files' > "$root/etc/nsswitch.conf"
echo '127.0.0.1 localhost' > "$root/etc/hosts"
for key in host good wrong; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$root/lab/$key"; done
printf '#!/bin/sh\nsleep 0.1\ncat /lab/good.pub\n' > "$root/lab/keys-command"
# The first password of a client is wrong, if the folder says so.
printf '#!/bin/sh\nif rmdir /tmp/wrong-first 2>/dev/null; then echo wrong; else echo right; fi\n' > "$root/lab/askpass"
cat > "$root/lab/sshd_config" <<'CONFIG'
Port 2200
ListenAddress 127.0.0.1
HostKey /lab/host
LogLevel VERBOSE
UsePAM no
UseDNS no
PidFile none
PermitRootLogin yes
KbdInteractiveAuthentication no
AuthorizedKeysFile none
AuthorizedKeysCommand /lab/keys-command %u %f
AuthorizedKeysCommandUser nobody
Subsystem sftp /usr/lib/openssh/sftp-server
CONFIG
# From 9.8 on; else loopback is refused after some wrong keys.
if grep -q PerSourcePenalties "$programs/usr/sbin/sshd"; then echo 'PerSourcePenalties no' >> "$root/lab/sshd_config"; fi
chmod 755 "$root/lab" "$root/lab/keys-command" "$root/lab/askpass" "$root/lab/producer" "$root/lab/story"
chmod 644 "$root/lab/good.pub"
chown 1000:1000 "$root/home/alice"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$file"
