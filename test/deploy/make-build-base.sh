#!/bin/bash
# Where the registry of Docker Hub cannot be reached: an image like docker.io/library/node:VERSION-bookworm-slim, from Debian's
# packages and this repository's Node. Made once. Prints its name, for --build-arg BUILD_IMAGE=.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
node=$(readlink -f "$here/../../node_modules/node/bin/node")
name=localhost/sshd-otel-build-base:$("$node" --version | tr -d v)-bookworm
export BUILDAH_ISOLATION=chroot
if ! buildah inspect --type image "$name" >/dev/null 2>&1; then
  root=$("$here/make-root.sh" bookworm)
  container=$(buildah from scratch)
  trap 'buildah rm "$container" >/dev/null' EXIT
  folder=$(buildah mount "$container")
  cp -a "$root/." "$folder/"
  install -D "$node" "$folder/usr/local/bin/node"
  mkdir -p "$folder/usr/local/lib/node_modules"
  cp -rL "$(npm root --global)/npm" "$folder/usr/local/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$folder/usr/local/bin/npm"
  # This machine may trust a registry mirror of its own.
  cp -L /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs/ca-certificates.crt"
  echo 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$folder/root/.npmrc"
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah umount "$container" >/dev/null
  buildah commit --quiet "$container" "$name" >/dev/null
fi
echo "$name"
