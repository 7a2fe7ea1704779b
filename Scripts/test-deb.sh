#!/bin/bash
# The Debian package in a fresh Debian 12 root: installed, started, upgraded, removed and purged; first where no systemd
# runs, then with systemd started in a container. Usage: Scripts/test-deb.sh PACKAGE NEXT, the same program as two versions.
# Needs root, mmdebstrap, lintian and systemd-container; what cannot be tested is said, and fails the test unless
# BYOL_TEST_DEB_PARTS names the parts to be tested: static bare systemd.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$(realpath "$1") next=$(realpath "$2")
parts=${BYOL_TEST_DEB_PARTS:-static bare systemd}
for part in static bare systemd; do
  [[ " $parts " == *" $part "* ]] || echo "test-deb: SKIPPED: $part (BYOL_TEST_DEB_PARTS=$parts)"
done

work=$(mktemp -d)
root=$work/root
started=()
clean() {
  local pid
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  mountpoint -q "$root/proc" && umount "$root/proc"
  rm -rf "$work"
}
trap clean EXIT
fail() { echo "test-deb: FAILED: $1" >&2; exit 1; }
ok() { echo "  ok: $1"; }
in_root() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
version_of() { dpkg-deb --field "$1" Version | sed 's/-[^-]*$//; s/~/-/'; }

static() {
  lintian --fail-on error,warning,info "$package" 2>"$work/lintian" || {
    cat "$work/lintian"; fail "lintian found something"; }
  ok "lintian has no error, no warning and nothing to say"
  mkdir "$work/unpacked"
  dpkg-deb --extract "$package" "$work/unpacked"
  # An ExecStart that is not there on this machine is no fault of the unit: it is looked for in the package.
  sed "s|^ExecStart=/usr/bin/|ExecStart=$work/unpacked/usr/bin/|" "$work/unpacked/lib/systemd/system/byol.service" >"$work/byol.service"
  cp "$work/unpacked/lib/systemd/system/byol.socket" "$work/"
  systemd-analyze verify --man=no "$work/byol.service" "$work/byol.socket" || fail "systemd-analyze verify"
  sed 's/^Type=.*/Type=notfy/' "$work/byol.service" >"$work/wrong.service"
  [ -n "$(systemd-analyze verify --man=no "$work/wrong.service" 2>&1)" ] || fail "systemd-analyze verify takes anything"
  ok "systemd-analyze verify"
  local exposure
  exposure=$(systemd-analyze security --offline=true "$work/byol.service" --no-pager | sed -n 's/.*exposure level for byol.service: \([0-9.]*\).*/\1/p')
  awk "BEGIN { exit !($exposure <= 0.5) }" || fail "systemd-analyze security: $exposure, allowed 0.5"
  ok "systemd-analyze security: exposure $exposure of 10"
}

traces() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys \) -prune -o -name '*byol*' -print | grep -vE '^\./(tmp|var/log|var/cache|var/lib/dpkg|root)/' || true); }

bare() {
  Scripts/bare-root.sh "$root" curl systemd systemd-sysv dbus
  mount -t proc proc "$root/proc"
  cp "$package" "$root/root/first.deb"
  cp "$next" "$root/root/next.deb"
  in_root apt-get -qq update
  in_root apt-get -qq install --yes --no-install-recommends /root/first.deb >"$work/apt.log" 2>&1 || { tail "$work/apt.log"; fail "apt-get install"; }
  in_root byol --version | grep -qF "$(version_of "$package")" || fail "byol --version"
  in_root sh -c 'ldd /usr/bin/byol' | grep -q 'not found' && fail "libraries are missing"
  [ "$(in_root getent passwd byol | cut -d: -f6)" = /var/lib/byol ] || fail "there is no user byol"
  ok "installed: $(version_of "$package"), $(du -h "$package" | cut -f1) packed"

  # As the unit starts it, without systemd.
  in_root install -d -o byol -g byol /var/lib/byol
  chroot "$root" setpriv --reuid byol --regid byol --clear-groups byol serve --port 0 --data /var/lib/byol >"$work/serve.log" 2>&1 &
  local service=$!
  started+=($service)
  local url
  url=$(Scripts/service-address.sh "$work/serve.log") || fail "the service did not start"
  [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ] || fail "/readyz"
  curl -sf "$url/" | grep -qi '<!doctype html>' || fail "the dashboard"
  curl -sf "$url/openapi.yaml" | cmp -s - openapi.yaml || fail "/openapi.yaml is not the contract"
  kill "$service"
  wait "$service" || fail "SIGTERM ends with $?"
  ok "started as the user byol: ready, dashboard, contract; ended with 0"

  # What a person has written stays.
  echo '# kept' >>"$root/etc/byol/byol.yaml"
  echo kept >"$root/var/lib/byol/witness"
  in_root dpkg --install /root/next.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "the upgrade"; }
  [ "$(in_root dpkg-query --show --showformat='${Version}' byol)" = "$(dpkg-deb --field "$next" Version)" ] || fail "the upgrade's version"
  grep -q '# kept' "$root/etc/byol/byol.yaml" && [ -e "$root/var/lib/byol/witness" ] || fail "the upgrade lost configuration or data"
  ok "upgraded: configuration and data are kept"
  in_root dpkg --remove byol >/dev/null
  [ -e "$root/var/lib/byol/witness" ] && [ -e "$root/etc/byol/byol.yaml" ] && [ ! -e "$root/usr/bin/byol" ] || fail "remove"
  ok "removed: configuration and data are kept"
  in_root dpkg --purge byol >/dev/null 2>&1
  [ -z "$(traces)" ] || fail "purge left: $(traces)"
  ok "purged: no file is left"
}

with_systemd() {
  cp Scripts/test-deb-inside.sh "$root/root/inside.sh"
  cat >"$root/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=/bin/bash /root/inside.sh
StandardOutput=file:/root/inside.log
StandardError=file:/root/inside.log
[Install]
WantedBy=graphical.target
UNIT
  in_root systemctl enable inside.service 2>/dev/null
  umount "$root/proc"
  mkdir -p "$root/var/log/journal"
  python3 Scripts/draw-pictures.py "$root/root/pictures"
  timeout 600 systemd-nspawn --quiet --directory "$root" --boot --register=no --keep-unit --private-network --console=pipe \
    </dev/null >"$work/nspawn.log" 2>&1 || true
  cat "$root/root/inside.log" 2>/dev/null || { cat "$work/nspawn.log"; fail "systemd did not start in the container"; }
  tail -1 "$root/root/inside.log" | grep -qx 'inside: passed' || {
    journalctl --directory "$root/var/log/journal" --unit byol.service --no-pager 2>/dev/null | tail -40
    fail "under systemd"; }
}

[[ " $parts " == *" static "* ]] && { echo "== the files"; static; }
if [[ " $parts " == *" bare "* || " $parts " == *" systemd "* ]]; then
  [ "$(id -u)" = 0 ] || fail "root is needed to make a fresh Debian root. Without it: BYOL_TEST_DEB_PARTS=static"
  command -v mmdebstrap >/dev/null || fail "install mmdebstrap. Without it: BYOL_TEST_DEB_PARTS=static"
  echo "== a fresh Debian 12 without systemd running"
  bare
fi
if [[ " $parts " == *" systemd "* ]]; then
  command -v systemd-nspawn >/dev/null || fail "install systemd-container. Without it: BYOL_TEST_DEB_PARTS='static bare'"
  echo "== the same with systemd running"
  with_systemd
fi
echo "test-deb: passed: $parts"
