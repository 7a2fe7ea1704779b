#!/bin/bash
# Every check that needs no build of the product. All run; any failure fails the whole.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
check() {
  local name=$1
  shift
  "$@" || failed+=("$name")
}
shell_syntax() {
  local file status=0
  while read -r file; do
    bash -n "$file" || status=1
    # No early way out: a script must fail where a command of its fails.
    grep -qE '^set -e?u(o pipefail)?$' "$file" || { echo "$file lacks set -eu" >&2; status=1; }
  done < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
  return $status
}
python_syntax() {
  git ls-files -z --cached --others --exclude-standard -- '*.py' |
    xargs -0 -r -n 1 python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])'
}

check format swift format lint --strict --parallel --recursive Sources Tests Package.swift
check layers python3 Scripts/layers.py
check documents python3 Scripts/docs.py
check tests python3 Scripts/tests.py
check security python3 Scripts/security.py
check counts python3 Scripts/counts.py check
check version python3 Scripts/version.py
check shell shell_syntax
check python python_syntax
check undeclared-import Scripts/undeclared-import.sh

if [ ${#failed[@]} -gt 0 ]; then
  echo "lint: FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "lint: passed."
