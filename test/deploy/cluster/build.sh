#!/bin/bash
# The programs of a one-node cluster from Debian's packages alone, once, below ~/.cache/sshd-otel/cluster; prints the folder.
# Debian packages no kubelet and no API server, but the source package that kubectl comes from holds all of Kubernetes with
# what it needs; it is compiled with the Go of its time. Five minutes, 0.9 GB while it lasts, 0.5 GB kept. Nothing is installed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
packages=$here/../debian/packages.sh
cluster=${XDG_CACHE_HOME:-$HOME/.cache}/sshd-otel/cluster
programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet)

"$packages" bookworm "$cluster/programs" etcd-server containerd runc containernetworking-plugins kubernetes-client libseccomp2
if [[ ! -e $cluster/bin/versions ]]; then
  "$packages" bullseye "$cluster/go" golang-1.15-go golang-1.15-src
  "$packages" bookworm "$cluster/kubernetes" --source kubernetes
  source=$cluster/kubernetes/source
  export GOROOT=$cluster/go/usr/lib/go-1.15 GOPATH=$cluster/kubernetes/gopath GOCACHE=$cluster/kubernetes/cache
  export CGO_ENABLED=0 GOFLAGS= GOPROXY=off GO111MODULE=off
  # Debian's folders of Go are linked into /usr/share, which is not here.
  for name in src pkg test misc api; do
    [[ -e $cluster/go/usr/share/go-1.15/$name ]] && ln -sfn "$cluster/go/usr/share/go-1.15/$name" "$GOROOT/$name"
  done
  mkdir -p "$GOPATH/src/k8s.io" "$cluster/bin"
  ln -sfn "$source" "$GOPATH/src/k8s.io/kubernetes"
  cd "$GOPATH/src/k8s.io/kubernetes"
  go() { nice "$GOROOT/bin/go" "$@"; }

  # The schema of the API, by which the server tells wrong fields. Debian's package has no use for it and leaves it out.
  go build -o "$GOPATH/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  inputs=$(cd -P . && grep --recursive --files-with-matches --include='*.go' '+k8s:openapi-gen=' \
    pkg staging/src/k8s.io --exclude-dir=code-generator --exclude-dir=sample-apiserver --exclude-dir=testdata |
    sed 's,^staging/src/,vendor/,' | xargs -n 1 dirname | sort -u | sed 's,^,k8s.io/kubernetes/,' | paste -sd ,)
  nice "$GOPATH/openapi-gen" --input-dirs "$inputs" --output-package k8s.io/kubernetes/pkg/generated/openapi \
    --output-base "$GOPATH/src" --output-file-base zz_generated.openapi --report-filename "$GOPATH/violations" \
    --go-header-file hack/boilerplate/boilerplate.generatego.txt

  version=$(sed -n 's/^kubernetes_.*really\([0-9.]*\).*/\1/p' "$cluster/kubernetes/packages")
  stamp=k8s.io/component-base/version
  flags="-s -w -X $stamp.gitVersion=v$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=$(cut -d. -f2 <<<"$version")"
  for program in "${programs[@]}"; do
    GO111MODULE=on go build -mod=vendor -tags 'providerless dockerless' -ldflags "$flags" -o "$cluster/bin/$program" "./cmd/$program"
  done
  cat "$cluster/kubernetes/packages" >"$cluster/bin/versions"
  rm -rf "$cluster/kubernetes" "$cluster/go"
fi
echo "$cluster"
