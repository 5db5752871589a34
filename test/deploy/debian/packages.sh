#!/bin/bash
# Debian's packages of any suite, unpacked into a folder; nothing of this machine is changed.
# Usage: packages.sh SUITE FOLDER PACKAGE...            these alone
#        packages.sh SUITE FOLDER --needs=REGEX PACKAGE...   also what they depend on, if its name matches
#        packages.sh SUITE FOLDER --source PACKAGE      its source, unpacked into FOLDER/source
# FOLDER/packages lists names and versions; a folder that is complete is left as it is. The mirror is that of apt here.
set -euo pipefail
suite=$1 folder=$2
shift 2
if [[ -e $folder/packages ]]; then exit 0; fi

lists=${XDG_CACHE_HOME:-$HOME/.cache}/sshd-otel/apt/$suite
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | grep -v security | head -n 1)}
keys=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$lists"/{lists,archives}/partial
: >"$lists/status"
for type in deb deb-src; do echo "$type [signed-by=$keys] ${mirror%/} $suite main"; done >"$lists/sources"
options=()
for option in Dir::State="$lists" Dir::State::status="$lists/status" Dir::Cache="$lists" Dir::Etc::sourcelist="$lists/sources" \
  Dir::Etc::sourceparts=- APT::Sandbox::User=root Acquire::Languages=none APT::Architecture=amd64; do
  options+=(-o "$option")
done
# Lists of a day ago may name versions that the mirror no longer has.
if [[ -z $(find "$lists/updated" -mmin -720 2>/dev/null) ]]; then
  apt-get "${options[@]}" -qq update
  touch "$lists/updated"
fi

part=$folder.part
rm -rf "$part" "$folder"
mkdir -p "$part"
cd "$part"
if [[ $1 == --source ]]; then
  apt-get "${options[@]}" -qq --download-only source "$2"
  dpkg-source --no-check -x ./*.dsc source >/dev/null
  for dsc in *.dsc; do echo "${dsc%.dsc}"; done >packages
  rm -f -- *.dsc *.tar.*
else
  needs=
  if [[ $1 == --needs=* ]]; then
    needs=${1#--needs=}
    shift
  fi
  wanted=("$@")
  if [[ -n $needs ]]; then
    mapfile -t wanted < <({
      printf '%s\n' "$@"
      apt-get "${options[@]}" -qq --simulate --no-install-recommends install "$@" | awk '$1 == "Inst" { print $2 }' | grep -E -- "$needs"
    } | sort -u)
  fi
  apt-get "${options[@]}" -qq download "${wanted[@]}"
  for deb in *.deb; do
    dpkg -x "$deb" .
    dpkg-deb --show "$deb"
  done >packages
  rm -f -- *.deb
fi
cd /
mv "$part" "$folder"
