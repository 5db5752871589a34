#!/bin/sh
# usage: make-root.sh FILE
# Packs what a guest needs: busybox, this machine's sshd and ssh with their libraries, keys, and the producer.
set -eu
file=$1
here=$(cd "$(dirname "$0")" && pwd)
producer=$here/../../ebpf/.output/sshd-otel-producer
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/sbin" "$root/usr/bin" "$root/usr/sbin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" \
  "$root/run" "$root/lab" "$root/etc" "$root/root" "$root/home/alice" "$root/var/empty"
chmod 755 "$root"

with_libraries() {
  install -D "$1" "$root$1"
  ldd "$1" 2>/dev/null | sed -n 's/.*[ 	]\(\/[^ ]*\) (0x.*/\1/p' | while read -r library; do
    [ -e "$root$library" ] || install -D "$library" "$root$library"
  done
}
for program in /usr/sbin/sshd /usr/bin/ssh /usr/bin/setpriv; do with_libraries "$program"; done
for extra in /usr/lib/openssh/sshd-session /usr/lib/openssh/sshd-auth; do
  if [ -e "$extra" ]; then with_libraries "$extra"; fi
done
for library in /lib/*-linux-gnu/libnss_files.so.2; do
  if [ -e "$library" ]; then install -D "$library" "$root$library"; fi
done
install "$(command -v busybox)" "$root/bin/busybox"
install "$producer" "$root/lab/producer"
install "$here/guest-init" "$root/init"

cat > "$root/etc/passwd" <<'END'
root:x:0:0::/root:/bin/sh
sshd:x:100:100::/run/sshd:/bin/false
alice:x:1000:1000::/home/alice:/bin/sh
nobody:x:65534:65534::/:/bin/false
END
printf 'root:x:0:\nsshd:x:100:\nalice:x:1000:\nnogroup:x:65534:\n' > "$root/etc/group"
printf 'root:*:1::::::\nalice:*:1::::::\n' > "$root/etc/shadow"
echo 'hosts: files' > "$root/etc/nsswitch.conf"
for key in host good wrong; do ssh-keygen -q -t ed25519 -N '' -C '' -f "$root/lab/$key"; done
printf '#!/bin/sh\nsleep 0.1\ncat /lab/good.pub\n' > "$root/lab/keys-command"
cat > "$root/lab/sshd_config" <<'END'
Port 2200
ListenAddress 127.0.0.1
HostKey /lab/host
LogLevel VERBOSE
UsePAM no
UseDNS no
PidFile none
AuthorizedKeysFile none
AuthorizedKeysCommand /lab/keys-command %u %f
AuthorizedKeysCommandUser nobody
END
chmod 755 "$root/lab" "$root/lab/keys-command" "$root/lab/producer" "$root/home/alice"
chmod 644 "$root/lab/good.pub"
(cd "$root" && find . | cpio -o -H newc --quiet) > "$file"
