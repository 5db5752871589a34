#!/bin/bash
# A node's mount and network namespace: unshare --mount --net node.sh FOLDER CGROUP ADDRESS
# Says "ready", then waits for the end of its input; then ends all that is left in it and removes its cgroups. So nothing
# survives a test that was killed. What the kubelet writes into /proc/sys goes into files, not into this machine's kernel.
set -euo pipefail
folder=$1 cgroup=$2 address=$3

mkdir -p "$folder"/{run,log,sysctl,containerd,kubelet}
mount -t tmpfs containerd "$folder/containerd"
mount --bind "$folder/run" /run
mount --bind "$folder/log" /var/log
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  file=$folder/sysctl/${name//\//.}
  cat "/proc/sys/$name" >"$file"
  mount --bind "$file" "/proc/sys/$name"
done
mount --make-rshared /

# One end is the node's, the other gives it a way out, as the kubelet wants; it leads nowhere.
ip link set lo up
ip link add node0 type veth peer name out0
ip address add "$address/24" dev node0
ip link set node0 up
ip link set out0 up
ip route add default via "${address%.*}.254" dev node0

in_each_tree() { for tree in /sys/fs/cgroup/*/cgroup.procs; do [[ -e $tree ]] && "$1" "${tree%/cgroup.procs}"; done; }
make() { mkdir -p "$1/$cgroup"; }
remove() {
  [[ -d $1/$cgroup ]] || return 0
  find "$1/$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null | xargs --no-run-if-empty kill -KILL 2>/dev/null || true
  for _ in {1..50}; do
    find "$1/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
}
clean() {
  own=$(readlink /proc/self/ns/mnt)
  for _ in {1..100}; do
    # The name has brackets, which a pattern would take for a class.
    others=$(find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/mnt' -printf '%p %l\n' 2>/dev/null |
      awk -v own="$own" -v self="$$" '$2 == own { split($1, part, "/"); if (part[3] != self) print part[3] }' || true)
    left=0
    for pid in $others; do kill -KILL "$pid" 2>/dev/null && left=1; done
    [[ $left == 0 ]] && break
    sleep 0.05
  done
  in_each_tree remove
}
trap clean EXIT
trap '' TERM INT HUP PIPE
in_each_tree make
echo ready
cat >/dev/null
