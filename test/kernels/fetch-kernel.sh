#!/bin/sh
# usage: fetch-kernel.sh SUITE FOLDER
# Takes the newest kernel (cloud flavour) of a Debian suite from its mirror, without touching this system's packages.
# Prints the path of the image.
set -eu
suite=$1
folder=$2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ -e "$folder/vmlinuz" ]; then echo "$folder/vmlinuz"; exit 0; fi

# The mirror that this machine's apt uses.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)}
mirror=${mirror%/}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/unpacked"
: > "$folder/status"
echo "deb [signed-by=$keys] $mirror $suite main" > "$folder/sources"
case $suite in
  sid | experimental) ;;
  *) echo "deb [signed-by=$keys] ${mirror%/debian}/debian-security $suite-security main" >> "$folder/sources" ;;
esac

with_suite() {
  command=$1
  shift
  "$command" -q -o Dir::State="$folder" -o Dir::State::status="$folder/status" -o Dir::Cache="$folder/cache" \
    -o Dir::Etc::sourcelist="$folder/sources" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root \
    -o APT::Architecture=amd64 -o Acquire::Languages=none "$@"
}

with_suite apt-get update > "$folder/log" 2>&1
needed_by() { with_suite apt-cache depends --no-recommends --no-suggests "$1" | sed -n "s/^ *Depends: \(linux-image-[^ ]*\)\$/\1/p" | head -n 1; }
package=$(needed_by linux-image-cloud-amd64)
# From 6.19 on the image package is empty and needs another one that holds the kernel.
binary=$(with_suite apt-cache depends --no-recommends --no-suggests "$package" | sed -n 's/^ *Depends: \(linux-binary-[^ ]*\)$/\1/p' | head -n 1)
cd "$folder/cache"
with_suite apt-get download "${binary:-$package}" >> "$folder/log" 2>&1
dpkg -x ./*.deb "$folder/unpacked"
image=$(find "$folder/unpacked" -name 'vmlinuz*' -type f | head -n 1)
cp "$image" "$folder/vmlinuz"
echo "${binary:-$package}" > "$folder/package"
rm -rf "$folder/unpacked" "$folder/cache" "$folder/lists"
echo "$folder/vmlinuz"
