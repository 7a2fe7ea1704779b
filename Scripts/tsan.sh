#!/bin/bash
# The tests under the thread sanitizer, built apart in .build-tsan; arguments go to Scripts/test.sh. Left out are those of the engine and of
# training, which compute the longest, and those of the service, whose programs are processes of their own. What a contended `Mutex`
# and a team of OpenMP order the sanitizer is told by tsan.c; first a small program shows that no race is reported where a lock or the
# end of a team excludes it, and that one is reported where nothing does.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.build-tsan/control
mkdir -p "$folder"
library=$PWD/$folder/tsan.so
swift=$(command -v swift) || { echo "tsan: there is no swift on the path, beside which clang is." >&2; exit 1; }
"$(dirname "$(readlink -f "$swift")")/clang" -O2 -Wall -Wextra -Werror -shared -fPIC Scripts/tsan.c -o "$library" -ldl
swiftc -swift-version 6 -sanitize=thread Tests/tsan/main.swift -o "$folder/counters" -l:libgomp.so.1
for kind in locked team; do
  LD_PRELOAD=$library "$folder/counters" $kind >"$folder/log" 2>&1 ||
    { cat "$folder/log"; echo "tsan: a race is reported where there is none: $kind." >&2; exit 1; }
done
if LD_PRELOAD=$library "$folder/counters" bare >"$folder/log" 2>&1 || ! grep -qE 'ThreadSanitizer: (data|Swift access) race' "$folder/log"; then
  echo "tsan: a race that nothing excludes is not reported." >&2
  exit 1
fi

SANITIZE=thread PRELOAD=$library Scripts/test.sh --skip EngineTests --skip TrainingTests --skip ServiceTests "$@"
