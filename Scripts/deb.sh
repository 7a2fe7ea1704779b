#!/bin/bash
# Makes a Debian package of a program that was built with the Swift runtime inside (`make static`).
# Usage: Scripts/deb.sh PROGRAM FOLDER; prints the package's path in FOLDER. VERSION overrides the sources' version.
set -euo pipefail
cd "$(dirname "$0")/.."
for tool in dpkg-buildpackage dh; do
  command -v $tool >/dev/null || { echo "deb: install dpkg-dev and debhelper: $tool is missing" >&2; exit 1; }
done
program=$1 output=$2
version=${VERSION:-$(python3 Scripts/version.py)}
# What comes before a version sorts before it in Debian only after a tilde: 1.0.0~rc1.
debian_version=${version/-/\~}-1
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}

work=$output/work/byol-$version
rm -rf "$output/work"
mkdir -p "$work"
VERSION=$version Scripts/stage.sh "$program" "$work"
cp -r packaging/debian "$work/debian"
cp packaging/systemd/byol.{service,socket} "$work/debian/"
cp README.md SECURITY.md CHANGELOG.md "$work/"
install -D -t "$work/docs" docs/*.md
notice=$(find .build-static/checkouts .build/checkouts -path '*swift-log/NOTICE.txt' 2>/dev/null | head -1 || true)
[ -n "$notice" ] || { echo "deb: swift-log's notices are missing: build first (make static)" >&2; exit 1; }
cp "$notice" "$work/NOTICE.swift-log"
cat >"$work/debian/changelog" <<EOF
byol ($debian_version) unstable; urgency=medium

  * Version $version; what changed is in changelog.gz.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(date --utc --date="@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %T +0000')
EOF
(cd "$work" && DEB_BUILD_OPTIONS=noautodbgsym dpkg-buildpackage --build=binary --unsigned-changes --no-check-builddeps \
  >"$OLDPWD/$output/build.log" 2>&1) || { tail -20 "$output/build.log" >&2; exit 1; }
package=$output/byol_${debian_version}_$(dpkg --print-architecture).deb
mv "$output/work/${package##*/}" "$package"
rm -rf "$output/work"
echo "$package"
