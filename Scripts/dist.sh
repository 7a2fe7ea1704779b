#!/bin/bash
# Makes a tarball that runs where it is unpacked: the program with the Swift runtime inside, and every library that it needs but
# glibc's. Usage: Scripts/dist.sh PROGRAM FOLDER; prints the tarball's path in FOLDER. Needs patchelf, on Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v patchelf >/dev/null || { echo "dist: install patchelf" >&2; exit 1; }
program=$1 output=$2
version=${VERSION:-$(python3 Scripts/version.py)}
name=byol-$version-linux-$(uname -m)
stage=$output/work
tree=$stage/$name
rm -rf "$stage"
mkdir -p "$tree"/{bin,lib,licences} "$tree"/share/{byol,man/man1,bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
VERSION=$version Scripts/stage.sh "$program" "$stage/files"
mv "$stage/files/bin/byol" "$tree/bin/"
mv "$stage"/files/share/* "$tree/share/byol/"
mv "$stage"/files/man/* "$tree/share/man/man1/"
mv "$stage/files/completions/byol" "$tree/share/bash-completion/completions/"
mv "$stage/files/completions/_byol" "$tree/share/zsh/site-functions/"
mv "$stage/files/completions/byol.fish" "$tree/share/fish/vendor_completions.d/"
cp README.md CHANGELOG.md SECURITY.md "$tree/"
cp LICENSE "$tree/licences/byol"
cp packaging/debian/copyright "$tree/licences/inside-the-program"
cp "$(find .build-static/checkouts .build/checkouts -path '*swift-log/NOTICE.txt' 2>/dev/null | head -1)" "$tree/licences/NOTICE.swift-log"

# glibc is the system's: it belongs to the kernel and to the loader, and a program cannot bring its own along.
system='^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libutil)[.-]'
while read -r soname path; do
  [[ $soname =~ $system ]] && continue
  [[ $path != /opt/* ]] || { echo "dist: $soname is the Swift runtime's: build with make static" >&2; exit 1; }
  file=$(realpath "$path")
  install -m 644 "$file" "$tree/lib/$soname"
  patchelf --set-rpath "\$ORIGIN" "$tree/lib/$soname"
  package=$(dpkg-query --search "*${file##*/}" | grep -m1 -F "${file##*/}" | cut -d: -f1)
  cp "/usr/share/doc/$package/copyright" "$tree/licences/$package"
  dpkg-query --show --showformat='${Package} ${Version} from the source package ${source:Package} ${source:Version}\n' "$package"
done < <(ldd "$program" | awk '$2 == "=>" { print $1, $3 }') | sort -u >"$tree/licences/LIBRARIES"
sed -i '1i The libraries in lib/ are those of Debian 12. Their sources are at https://snapshot.debian.org under these names and versions.\n' \
  "$tree/licences/LIBRARIES"
patchelf --set-rpath "\$ORIGIN/../lib" "$tree/bin/byol"

time=$(git log -1 --format=%ct 2>/dev/null || date +%s)
tar --create --use-compress-program="xz --threads=0" --directory "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" \
  --file "$output/$name.tar.xz" "$name"
rm -rf "$stage"
echo "$output/$name.tar.xz"
