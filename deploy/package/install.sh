#!/bin/sh
# Installs sshd-otel from this folder, for systems without a .deb: install.sh, install.sh --uninstall, install.sh --purge.
# PREFIX (default /usr/local) is where programs go; settings go to /etc/sshd-otel, units to /etc/systemd/system.
set -eu

prefix=${PREFIX:-/usr/local}
here=$(cd "$(dirname "$0")" && pwd)
units='sshd-otel-producer.socket sshd-otel-producer.service sshd-otel.service'
system=/etc/systemd/system

say() { echo "install.sh: $*" >&2; }

[ "$(id -u)" -eq 0 ] || { say 'needs root'; exit 1; }

has_systemd() { [ -d /run/systemd/system ]; }

stop() {
  if has_systemd; then
    systemctl --quiet disable --now sshd-otel.service sshd-otel-producer.socket sshd-otel-producer.service 2>/dev/null || true
  fi
}

uninstall() {
  stop
  for unit in $units; do rm -f "$system/$unit"; done
  for unit in sshd-otel sshd-otel-producer; do
    rm -f "$system/$unit.service.d/back-off.conf"
    if [ -d "$system/$unit.service.d" ]; then rmdir --ignore-fail-on-non-empty "$system/$unit.service.d"; fi
  done
  rm -rf "$prefix/lib/sshd-otel" "$prefix/share/doc/sshd-otel" /run/sshd-otel
  rm -f "$prefix/bin/sshd-otel" "$prefix/share/man/man8/sshd-otel.8.gz" "$prefix/share/man/man5/sshd-otel.yaml.5.gz"
  if has_systemd; then systemctl daemon-reload; fi
}

make_user() {
  getent passwd "$1" >/dev/null && return
  useradd --system --user-group --no-create-home --home-dir "$2" --shell "$(command -v nologin || echo /bin/false)" "$1"
}

# Every path of the package's own, moved to the prefix.
moved() { sed "s#/usr/\(lib\|share/doc\)/sshd-otel#$prefix/\1/sshd-otel#g" "$1"; }

install_all() {
  make_user sshd-otel /var/lib/sshd-otel
  make_user sshd-otel-ebpf /
  mkdir -p "$prefix/bin" "$prefix/lib" "$prefix/share/doc" "$prefix/share/man/man8" "$prefix/share/man/man5" "$system"
  rm -rf "$prefix/lib/sshd-otel.new"
  cp -R "$here/usr/lib/sshd-otel" "$prefix/lib/sshd-otel.new"
  chown -R root:root "$prefix/lib/sshd-otel.new"
  rm -rf "$prefix/lib/sshd-otel"
  mv "$prefix/lib/sshd-otel.new" "$prefix/lib/sshd-otel"
  cp -R "$here/usr/share/doc/sshd-otel" "$prefix/share/doc/"
  cp "$here/usr/share/man/man8/sshd-otel.8.gz" "$prefix/share/man/man8/"
  cp "$here/usr/share/man/man5/sshd-otel.yaml.5.gz" "$prefix/share/man/man5/"
  moved "$here/usr/bin/sshd-otel" >"$prefix/bin/sshd-otel"
  chmod 755 "$prefix/bin/sshd-otel"
  mkdir -p /etc/sshd-otel
  # What an operator has set stays.
  for file in sshd-otel.yaml headers; do
    [ -e "/etc/sshd-otel/$file" ] || cp "$here/etc/sshd-otel/$file" /etc/sshd-otel/
  done
  chown root:root /etc/sshd-otel/headers
  chmod 600 /etc/sshd-otel/headers
  for unit in $units; do moved "$here/usr/lib/systemd/system/$unit" >"$system/$unit"; done
  if ! has_systemd; then
    say "installed; systemd does not run here: start $prefix/bin/sshd-otel run as root in your own way"
    return
  fi
  version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  if [ "${version:-0}" -lt 247 ]; then
    say "systemd $version does not know all that the units ask for (247): run $prefix/bin/sshd-otel run as root instead"
    return
  fi
  if [ "$version" -ge 254 ]; then
    for unit in sshd-otel sshd-otel-producer; do
      mkdir -p "$system/$unit.service.d"
      ln -sf "$prefix/lib/sshd-otel/back-off.conf" "$system/$unit.service.d/back-off.conf"
    done
  fi
  systemctl daemon-reload
  systemctl --quiet enable sshd-otel-producer.socket sshd-otel.service
  # The agent first: it keeps what is open, and goes on with it when the new observer tells that it still is.
  systemctl stop sshd-otel.service
  systemctl start sshd-otel-producer.socket
  systemctl try-restart sshd-otel-producer.service
  systemctl start sshd-otel.service || say 'it does not start; journalctl -u sshd-otel says why'
}

case ${1:-} in
  '') install_all ;;
  --uninstall) uninstall ;;
  --purge)
    uninstall
    # The two users stay: their numbers must not be given to others.
    rm -rf /etc/sshd-otel /var/lib/sshd-otel
    ;;
  *) say 'usage: install.sh [--uninstall | --purge]'; exit 2 ;;
esac
