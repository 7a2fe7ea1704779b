#!/bin/bash
# Builds the container image: with docker where there is one, else with buildah.
# Usage: Scripts/image.sh NAME. BASES=local builds from bases made here (Scripts/image-bases.sh) instead of a registry's, and mounts
# this machine's Swift toolchain; where git's settings put folders of this machine in the place of addresses, those are mounted too.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
commit=(--build-arg "BYOL_COMMIT=$(git rev-parse HEAD 2>/dev/null || true)")
if [ "${BASES:-registry}" = registry ]; then
  if command -v docker >/dev/null; then exec docker build "${commit[@]}" --tag "$name" .; fi
  exec buildah bud --format docker "${commit[@]}" --tag "$name" .
fi
# crun, the usual runtime, refuses control groups of both versions at once; runc takes them.
[ ! -d /sys/fs/cgroup/unified ] || export BUILDAH_RUNTIME=${BUILDAH_RUNTIME:-runc}
swift=$(realpath "$(command -v swift)")
options=(--volume "${swift%/usr/bin/*}:/opt/swift:ro")
while read -r key _; do
  folder=${key#url.}
  folder=${folder%.insteadof}
  [ ! -d "$folder" ] || options+=(--volume "$folder:$folder:ro")
done < <(git config --get-regexp '^url\..*\.insteadof$' | sort -u -k1,1)
[ ! -e /etc/gitconfig ] || options+=(--volume /etc/gitconfig:/etc/gitconfig:ro)
read -ra arguments <<<"$(Scripts/image-bases.sh)"
exec buildah bud --format docker --network host "${arguments[@]}" "${options[@]}" "${commit[@]}" --tag "$name" .
