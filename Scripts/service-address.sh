#!/bin/bash
# Waits until a `byol serve` has told its address in the file that it writes to, and prints the address. Fails with what the file has
# after half a minute. Usage: Scripts/service-address.sh FILE
set -euo pipefail
for _ in $(seq 150); do
  url=$(sed -n 's|^byol serves on \(http://[^ ]*\) .*|\1|p' "$1")
  [ -n "$url" ] && { echo "$url"; exit; }
  sleep 0.2
done
cat "$1" >&2
exit 1
