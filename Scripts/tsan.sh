#!/bin/bash
# The tests under the thread sanitizer, built apart in .build-tsan; arguments go to Scripts/test.sh. OpenMP synchronises in ways that the
# sanitizer does not see, so the tests of what runs on its team are left out. What a contended `Mutex` orders it is told by
# tsan-mutex.c; first a small program shows that no race is reported under such a lock, and that one is without it.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.build-tsan/control
mkdir -p "$folder"
library=$PWD/$folder/tsan-mutex.so
swift=$(command -v swift) || { echo "tsan: there is no swift on the path, beside which clang is." >&2; exit 1; }
"$(dirname "$(readlink -f "$swift")")/clang" -O2 -Wall -Wextra -Werror -shared -fPIC Scripts/tsan-mutex.c -o "$library" -ldl
swiftc -swift-version 6 -sanitize=thread Tests/tsan/main.swift -o "$folder/counters"
LD_PRELOAD=$library "$folder/counters" locked >"$folder/log" 2>&1 ||
  { cat "$folder/log"; echo "tsan: a race is reported where a Mutex excludes it." >&2; exit 1; }
if LD_PRELOAD=$library "$folder/counters" bare >"$folder/log" 2>&1 || ! grep -q 'ThreadSanitizer: data race\|access race' "$folder/log"; then
  echo "tsan: a race without a lock is not reported." >&2
  exit 1
fi

SANITIZE=thread PRELOAD=$library Scripts/test.sh --skip EngineTests --skip TrainingTests --skip ServiceTests "$@"
