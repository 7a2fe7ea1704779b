#!/bin/bash
# Lays out what every package holds: program, dashboard, contract, manual pages and completions.
# Usage: Scripts/stage.sh PROGRAM FOLDER; FOLDER is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 folder=$2
version=${VERSION:-$(python3 Scripts/version.py)}
# The time of the last commit, so that the same commit gives the same package.
date=$(git log -1 --format=%cs 2>/dev/null || date --utc +%F)

rm -rf "$folder"
mkdir -p "$folder"/{bin,share,completions,man}
install -m 755 "$program" "$folder/bin/byol"
strip --strip-unneeded "$folder/bin/byol"
cp -r Public openapi.yaml "$folder/share/"
"$program" --generate-completion-script bash | sed '1{/^#!/d}' >"$folder/completions/byol"
"$program" --generate-completion-script zsh >"$folder/completions/_byol"
"$program" --generate-completion-script fish >"$folder/completions/byol.fish"
python3 Scripts/manual.py "$program" "$version" "$date" "$folder/man" >/dev/null
find "$folder" -type f ! -path '*/bin/*' -exec chmod 644 {} +
