#!/bin/bash
# An image that is this machine's sshd, a shell and uname, for a pod in which somebody logs in.
# Usage: sshd-image.sh FOLDER NAME; leaves the client's key in FOLDER/key.
set -euo pipefail
folder=$1 name=$2
root=$folder/sshd-root
mkdir -p "$root"/{etc/ssh,root/.ssh,run/sshd,var/empty,tmp}
for program in /usr/sbin/sshd /bin/sh /bin/uname; do
  cp -L --parents "$program" "$root"
  ldd "$program" | grep -o '/[^ ]*' | while read -r library; do cp -L --parents "$library" "$root"; done
done
echo 'root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
ssh-keygen -q -t ed25519 -N '' -f "$folder/key"
ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/ssh_host_ed25519_key"
cp "$folder/key.pub" "$root/root/.ssh/authorized_keys"
printf '%s\n' 'UsePAM no' 'PermitRootLogin prohibit-password' 'HostKey /etc/ssh/ssh_host_ed25519_key' >"$root/etc/ssh/sshd_config"
printf 'FROM scratch\nCOPY sshd-root /\nENTRYPOINT ["/usr/sbin/sshd", "-D", "-e"]\n' >"$folder/sshd.Dockerfile"
BUILDAH_ISOLATION=chroot buildah bud --quiet --file "$folder/sshd.Dockerfile" --tag "$name" "$folder" >/dev/null
