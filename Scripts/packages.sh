#!/bin/bash
# Installs the Debian packages of a list that are missing, and no others: packages.txt, or the file of this folder that is named.
set -euo pipefail
cd "$(dirname "$0")"
list=${1:-packages.txt}

missing=()
while read -r name _; do
  case $name in '' | '#'*) continue ;; esac
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$name")
done < "$list"
command -v git >/dev/null || missing+=(git)
command -v python3 >/dev/null || missing+=(python3)

if [ ${#missing[@]} -eq 0 ]; then
  echo "packages: nothing of $list is missing."
  exit 0
fi

refuse() {
  echo "packages: $1" >&2
  echo "packages: missing: ${missing[*]}" >&2
  echo "packages: install them with: apt-get install ${missing[*]}" >&2
  exit 1
}
command -v apt-get >/dev/null || refuse "this is no Debian machine: there is no apt-get."
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || refuse "installing needs root, and there is no sudo."
  as_root=(sudo)
fi

echo "packages: installing ${missing[*]}"
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${missing[@]}"
}
install || { "${as_root[@]}" apt-get update && install; } || refuse "apt-get failed; see above."
