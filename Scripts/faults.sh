#!/bin/bash
# The fault suite: 100 rounds of kill -9, every write failed once, a full and a read-only disk, a large database.
# The disk is a file system of 3 MiB in memory, mounted in a namespace of its own, so that no rights are needed where
# the system lets users make namespaces; where it does not, BYOL_TINY_DISK names one that is mounted already and may
# be remounted. Arguments go to `swift test`.
set -euo pipefail
cd "$(dirname "$0")/.."

export BYOL_FAULT_ROUNDS=${BYOL_FAULT_ROUNDS:-100} BYOL_SLOW_TESTS=1
run=(swift test --skip-build --filter 'RunsTests|CheckpointsTests' "$@")
if [ -n "${BYOL_TINY_DISK:-}" ]; then exec "${run[@]}"; fi

BYOL_TINY_DISK=$(mktemp -d)
export BYOL_TINY_DISK
trap 'rmdir "$BYOL_TINY_DISK"' EXIT
if ! unshare --map-root-user --mount true 2>/dev/null; then
  echo "This system lets no user make a namespace: mount a tmpfs of 3 MiB and set BYOL_TINY_DISK." >&2
  exit 1
fi
unshare --map-root-user --mount sh -c '
  mount -t tmpfs -o size=3m tmpfs "$BYOL_TINY_DISK"
  exec "$@"' faults "${run[@]}"
