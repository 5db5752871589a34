#!/bin/sh
# Runs the tests of the bpftrace producer with every version of bpftrace that the script is written for:
# the machine's own, Debian trixie's (0.23) and sid's (0.27). The latter two live in folders of their own, made by
# debootstrap and kept, and run in a mount namespace; nothing of the machine is changed.
#
#   test/live/bpftrace-versions.sh [SUITE...]      default: own trixie sid
#
# Needs root and debootstrap. BPFTRACE_ROOTS: where the folders are, default /var/tmp/sshd-otel-bpftrace.
# Exit status: 0 if all passed, 1 if a version failed, 2 if one could not be tried.
set -u
cd "$(dirname "$0")/../.." || exit 2
roots=${BPFTRACE_ROOTS:-/var/tmp/sshd-otel-bpftrace}
# The mirror that this machine's apt uses.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)}
mirror=${mirror%/}
node=node_modules/.bin/node
[ "$(id -u)" = 0 ] || { echo "bpftrace-versions: must be started as root" >&2; exit 2; }
mkdir -p "$roots"

# A program that runs the bpftrace of a root folder. The script is copied in, for its path is of no use there.
wrap() {
  cat > "$roots/bpftrace-$1" <<WRAP
#!/bin/sh
root=$roots/$1
for argument do
  shift
  case \$argument in
    *.bt) copy=/tmp/\$\$.bt; cp "\$argument" "\$root\$copy"; argument=\$copy ;;
  esac
  set -- "\$@" "\$argument"
done
exec unshare -m sh -c '
  root=\$1; shift
  mount --rbind /proc "\$root/proc" && mount --rbind /sys "\$root/sys" && exec chroot "\$root" bpftrace "\$@"' sh "\$root" "\$@"
WRAP
  chmod 755 "$roots/bpftrace-$1"
}

ran=
worst=0
for suite in "${@:-own trixie sid}"; do for one in $suite; do
  if [ "$one" = own ]; then
    program=$(command -v bpftrace) || { echo "bpftrace-versions: no bpftrace: apt-get install bpftrace" >&2; worst=2; continue; }
  else
    if [ ! -x "$roots/$one/usr/bin/bpftrace" ]; then
      echo "fetching bpftrace of Debian $one into $roots/$one"
      rm -rf "${roots:?}/$one"
      if ! debootstrap --variant=minbase --include=bpftrace "$one" "$roots/$one" "$mirror" > "$roots/$one.log" 2>&1; then
        echo "bpftrace-versions: debootstrap of $one failed, see $roots/$one.log" >&2
        worst=2
        continue
      fi
    fi
    wrap "$one"
    program=$roots/bpftrace-$one
  fi
  version=$("$program" --version) || { worst=2; continue; }
  echo "== $version ($one)"
  if SSHD_OTEL_BPFTRACE=$program "$node" --test test/live/bpftrace-*.test.ts; then
    ran="$ran, $version passed"
  else
    ran="$ran, $version FAILED"
    [ "$worst" = 2 ] || worst=1
  fi
  rm -f "$roots/$one"/tmp/*.bt
done; done
echo "bpftrace versions: ${ran#, }"
exit "$worst"
