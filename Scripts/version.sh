#!/bin/bash
# Prints the version of the sources: the one place that has it is `byolVersion`.
set -euo pipefail
cd "$(dirname "$0")/.."
versions=$(grep -rhoE 'byolVersion = "[^"]+"' Sources | cut -d'"' -f2)
[[ $versions =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
  { echo "version: Sources should have exactly one byolVersion = \"X.Y.Z\", and have: $versions" >&2; exit 1; }
echo "$versions"
