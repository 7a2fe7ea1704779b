#!/bin/bash
# Builds every test as `make test` does. Whatever builds tests goes through here: other flags compile everything anew.
# An index serves editors, which make their own; without it the compilers have a tenth less to do.
set -euo pipefail
cd "$(dirname "$0")/.."

exec swift build --build-tests --disable-index-store --explicit-target-dependency-import-check error "$@"
