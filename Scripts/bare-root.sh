#!/bin/bash
# Makes a fresh Debian 12 root in a folder. Needs root and mmdebstrap.
# Usage: Scripts/bare-root.sh FOLDER [PACKAGE…], the packages beside a minimal system's. Archives are kept for a week in
# ROOTS (by default ~/.cache/byol-roots), so that Debian's mirror (MIRROR) is not asked each time.
set -euo pipefail
folder=$1
shift
packages=$(IFS=,; echo "ca-certificates${1:+,$*}")
cache=${ROOTS:-$HOME/.cache/byol-roots}
archive=$cache/$(echo "$packages" | sha256sum | cut -c1-16).tar
mkdir -p "$cache" "$folder"
find "$cache" -name '*.tar' -mtime +7 -delete
if [ ! -e "$archive" ]; then
  echo "bare-root: making a Debian 12 root with $packages" >&2
  mmdebstrap --quiet --format=tar --variant=minbase --include="$packages" bookworm "$archive.part" \
    "${MIRROR:-http://deb.debian.org/debian}"
  mv "$archive.part" "$archive"
fi
tar -C "$folder" --numeric-owner -xf "$archive"
cp --remove-destination /etc/resolv.conf "$folder/etc/resolv.conf"
