#!/bin/bash
# The fault suite: 100 rounds of kill -9, every write failed once, a full and a read-only disk, a large database.
# The disk is a file system of 3 MiB in memory, mounted in a namespace of its own, so that no rights are needed where
# the system lets users make namespaces. Arguments go to `swift test`.
set -euo pipefail
cd "$(dirname "$0")/.."

disk=$(mktemp -d)
trap 'rmdir "$disk"' EXIT
export BYOL_TINY_DISK=$disk BYOL_FAULT_ROUNDS=${BYOL_FAULT_ROUNDS:-100} BYOL_SLOW_TESTS=1
if ! unshare --map-root-user --mount true 2>/dev/null; then
  echo "This system lets no user make a namespace: as root, mount a tmpfs of 3 MiB and set BYOL_TINY_DISK." >&2
  exit 1
fi
# shellcheck disable=SC2016 # The inner shell expands it.
unshare --map-root-user --mount sh -c '
  mount -t tmpfs -o size=3m tmpfs "$BYOL_TINY_DISK"
  exec swift test --skip-build --filter "RunsTests|CheckpointsTests" "$@"' faults "$@"
