#!/bin/bash
# Negative control of `--explicit-target-dependency-import-check error`: in a package of two modules the
# flag must let a declared import pass and refuse the same import once it is not declared, even though the
# module is already built beside it. About ten seconds.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/Sources/Lower" "$folder/Sources/Upper"
echo 'public let answer = 42' > "$folder/Sources/Lower/Answer.swift"
printf 'import Lower\nlet copy = answer\n' > "$folder/Sources/Upper/Copy.swift"

manifest() {
  cat > "$folder/Package.swift" <<END
// swift-tools-version: 6.2
import PackageDescription
let package = Package(
  name: "control",
  targets: [.target(name: "Lower"), .target(name: "Upper", dependencies: [$1])])
END
}
build() {
  swift build --package-path "$folder" --explicit-target-dependency-import-check error 2>&1
}

manifest '"Lower"'
output=$(build) || { echo "$output"; echo "undeclared-import: a declared import is refused."; exit 1; }
manifest ''
if output=$(build); then
  echo "undeclared-import: an undeclared import is not refused."
  exit 1
fi
grep -q 'imports another target (Lower) in the package without declaring it' <<< "$output" || {
  echo "$output"
  echo "undeclared-import: refused for another reason."
  exit 1
}
echo "undeclared-import: the build refuses an undeclared import."
