#!/bin/bash
# The README's two commands on a machine that has nothing but Swift: a fresh Debian 12 root with this machine's toolchain mounted, and a clone of the
# commit at hand. Usage: Scripts/fresh-machine.sh run|test…, by default both; tells how long each took. Needs root and mmdebstrap.
# Whatever is not committed is not tested.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "fresh-machine: root is needed to make a fresh Debian root" >&2; exit 1; }
# Mounts of a namespace of its own end with it.
if [ "${1:-}" != --inside ]; then exec unshare --mount --propagation private "$(realpath "$0")" --inside "$@"; fi
shift
commands=${*:-run test}
work=$(mktemp -d)
root=$work/root
service=
clean() {
  [ -z "$service" ] || kill -KILL -- "-$service" 2>/dev/null || true
  umount --recursive "$root"/{proc,dev,opt/swift} 2>/dev/null || true
  for folder in "${folders[@]}"; do umount "$root$folder" 2>/dev/null || true; done
  rm -rf --one-file-system "$work"
}
folders=()
trap clean EXIT
fail() { echo "fresh-machine: FAILED: $1" >&2; exit 1; }

# What swift.org asks for on Debian 12, make and git, and no package of ours: those `make` installs.
Scripts/bare-root.sh "$root" binutils git make libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libncurses6 \
  libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev pkg-config tzdata zlib1g-dev
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
swift=$(realpath "$(command -v swift)")
mkdir -p "$root/opt/swift"
mount --bind -o ro "${swift%/usr/bin/*}" "$root/opt/swift"
# Where git's settings put folders of this machine in the place of addresses, they are there too.
while read -r key _; do
  folder=${key#url.}
  folder=$(realpath --no-symlinks "${folder%.insteadof}")
  [ -d "$folder" ] || continue
  folders+=("$folder")
  mkdir -p "$root$folder"
  mount --bind -o ro "$folder" "$root$folder"
done < <(git config --get-regexp '^url\..*\.insteadof$' | sort -u -k1,1)
[ ! -e /etc/gitconfig ] || cp /etc/gitconfig "$root/etc/gitconfig"
git clone --quiet . "$root/root/byol"
inside() { chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/opt/swift/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd /root/byol && $1"; }
inside 'apt-get -qq update'
dpkg --root="$root" --list | grep -c '^ii' | sed 's/^/fresh-machine: a Debian 12 of /; s/$/ packages/'

for command in $commands; do
  began=$SECONDS
  case $command in
    run)
      : >"$work/run.log"
      set -m
      inside 'exec make run PORT=0' >"$work/run.log" 2>&1 &
      service=$!
      set +m
      until grep -q '^byol serves on ' "$work/run.log"; do
        kill -0 "$service" 2>/dev/null || { tail -20 "$work/run.log"; fail "make run"; }
        sleep 1
      done
      url=$(sed -n 's|^byol serves on \(http://[^ ]*\) .*|\1|p' "$work/run.log")
      [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 200 ] || fail "/readyz"
      echo "fresh-machine: make run: serving after $((SECONDS - began)) s"
      trained() { curl -s "$url/v1/runs" | grep -qE '"state": ?"(running|succeeded)"'; }
      until trained; do
        [ $((SECONDS - began)) -lt 3600 ] || fail "the demo's run did not start"
        sleep 1
      done
      echo "fresh-machine: make run: the demo trains after $((SECONDS - began)) s"
      kill -TERM -- "-$service"
      wait "$service" || true
      service= ;;
    test)
      inside 'make test' >"$work/test.log" 2>&1 || { grep '✘' "$work/test.log"; tail -40 "$work/test.log"; fail "make test"; }
      tail -3 "$work/test.log"
      echo "fresh-machine: make test: passed after $((SECONDS - began)) s" ;;
    *) fail "$command is neither run nor test" ;;
  esac
done
echo "fresh-machine: passed: $commands"
