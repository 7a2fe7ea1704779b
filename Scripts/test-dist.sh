#!/bin/bash
# The tarball in a fresh Debian 12 root that has none of its libraries, unpacked in a folder of a user's, then moved.
# Usage: Scripts/test-dist.sh TARBALL; needs root, mmdebstrap and curl.
set -euo pipefail
cd "$(dirname "$0")/.."
tarball=$(realpath "$1")
fail() { echo "test-dist: FAILED: $1" >&2; exit 1; }
ok() { echo "  ok: $1"; }
[ "$(id -u)" = 0 ] || fail "root is needed to make a fresh Debian root"
command -v mmdebstrap >/dev/null || fail "install mmdebstrap"
work=$(mktemp -d)
root=$work/root
service=
clean() {
  [ -z "$service" ] || kill -KILL "$service" 2>/dev/null || true
  mountpoint -q "$root/proc" && umount "$root/proc"
  rm -rf "$work"
}
trap clean EXIT

Scripts/bare-root.sh "$root"
mount -t proc proc "$root/proc"
# A user without a name and without a home.
as_user() { chroot "$root" env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 setpriv --reuid 4711 --regid 4711 --clear-groups "$@"; }
mkdir "$root/place"
tar -C "$root/place" -xf "$tarball"
python3 Scripts/draw-pictures.py "$root/place/pictures"
chown -R 4711:4711 "$root/place"
folder=/place/$(basename "$tarball" .tar.xz)

loaded=$(as_user ldd "$folder/bin/byol")
grep -q 'not found' <<<"$loaded" && fail "libraries are missing: $loaded"
outside=$(awk '$2 == "=>" { print $3 }' <<<"$loaded" | grep -v "^$folder/" | grep -vE '/(libc|libm|libdl|librt|libpthread)\.so' || true)
[ -z "$outside" ] || fail "libraries from outside: $outside"
mv "$root$folder/lib/libdnnl.so.2" "$root/place/"
as_user "$folder/bin/byol" --version 2>/dev/null && fail "this test does not see that a library is missing"
mv "$root/place/libdnnl.so.2" "$root$folder/lib/"
ok "every library but glibc's is its own"
as_user "$folder/bin/byol" --version | grep -qF "$(basename "$tarball" | cut -d- -f2)" || fail "byol --version"
ok "$(as_user "$folder/bin/byol" --version | head -1), $(du -h "$tarball" | cut -f1) packed, $(du -sh "$root$folder" | cut -f1) unpacked"

mv "$root$folder" "$root/place/another name"
byol="/place/another name/bin/byol"
as_user "$byol" train --pictures /place/pictures --output /place/run --updates 2 --batch-size 8 --image-size 32 --width 0.25 >"$work/train.log" 2>&1 ||
  { tail -20 "$work/train.log"; fail "byol train"; }
as_user "$byol" embed --model /place/run/best/model.safetensors /place/pictures/down/000.png | grep -q '"embedding"' || fail "byol embed"
ok "moved to a folder with a blank in its name: trains and embeds"
chroot "$root" setpriv --reuid 4711 --regid 4711 --clear-groups "$byol" serve --port 0 --data /place/data >"$work/serve.log" 2>&1 &
service=$!
url=$(Scripts/service-address.sh "$work/serve.log") || fail "the service did not start"
curl -sf "$url/openapi.yaml" | cmp -s - openapi.yaml || fail "/openapi.yaml is not the contract"
curl -sf "$url/" | grep -qi '<!doctype html>' || fail "the dashboard"
kill "$service"
wait "$service" || fail "SIGTERM ends with $?"
service=
ok "serves the dashboard and the contract; ended with 0"
echo "test-dist: passed"
