#!/bin/bash
# Makes a Debian root folder with systemd and sshd for the container tests, once, outside the repository.
# Usage: make-root.sh SUITE. Prints the folder.
set -euo pipefail
suite=$1
roots=${XDG_CACHE_HOME:-$HOME/.cache}/sshd-otel/roots
packages=systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,openssh-client,procps,strace,iproute2,ca-certificates
if [[ ! -d $roots/$suite ]]; then
  mkdir -p "$roots"
  rm -rf "$roots/$suite.part"
  debootstrap --variant=minbase --include="$packages" "$suite" "$roots/$suite.part" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$roots/$suite.log" 2>&1 ||
    { tail -n 5 "$roots/$suite.log" >&2; exit 1; }
  mv "$roots/$suite.part" "$roots/$suite"
fi
echo "$roots/$suite"
