#!/bin/bash
# The container image as it is meant to be run. Usage: Scripts/image-test.sh NAME; needs podman (or docker in PODMAN).
set -euo pipefail
cd "$(dirname "$0")/.."
image=$1
podman=${PODMAN:-podman}
# crun, podman's usual runtime, refuses control groups of both versions at once; runc takes them.
runtime=()
health=()
# podman repeats health checks by systemd's timers, where there may be none; here they are asked for.
[ "$podman" != podman ] || health=(--health-interval disable)
if [ "$podman" = podman ] && [ -d /sys/fs/cgroup/unified ]; then runtime=(--runtime runc); fi
work=$(mktemp -d)
containers=()
clean() {
  [ ${#containers[@]} -eq 0 ] || "$podman" rm --force --volumes "${containers[@]}" >/dev/null 2>&1 || true
  "$podman" volume rm --force byol-image-test >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean EXIT
fail() { echo "image-test: FAILED: $1" >&2; "$podman" logs "${containers[-1]:-none}" 2>&1 | tail -20 >&2 || true; exit 1; }
ok() { echo "  ok: $1"; }
# A container with the root read-only and not even a /tmp: whatever is written goes to /data. No network: nothing is called. Limits that a
# machine of ours may be given; podman's own are higher than some machines allow.
start() {
  containers+=("$("$podman" "${runtime[@]}" run --detach "${health[@]}" --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --read-only-tmpfs=false --network none --cap-drop all \
    --security-opt no-new-privileges "$@")")
}
inside() { "$podman" exec "${containers[-1]}" "$@"; }
# No curl in the image: bash opens the socket.
# shellcheck disable=SC2016
get='exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET $0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" >&3 && cat <&3'
await_ready() {
  local _
  for _ in $(seq 150); do
    if inside bash -c "$get" /readyz 2>/dev/null | sed -n 1p | grep -c ' 200 ' >/dev/null; then return 0; fi
    [ "$("$podman" inspect --format '{{.State.Running}}' "${containers[-1]}")" = true ] || break
    sleep 0.2
  done
  fail "$1: it does not become ready"
}
# Ends the container by SIGTERM and returns its exit status.
end() { "$podman" stop --time 30 "${containers[-1]}" >/dev/null; "$podman" inspect --format '{{.State.ExitCode}}' "${containers[-1]}"; }

echo "== size"
ok "$("$podman" image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.0f MiB unpacked", $1 / 1048576 }')"

echo "== as its own user, on a volume"
"$podman" volume create byol-image-test >/dev/null
start --volume byol-image-test:/data "$image"
await_ready "its own user"
[ "$(inside sh -c "grep '^Uid' /proc/1/status | cut -f2")" = 10001 ] || fail "it does not run as user 10001"
inside sh -c ': > /usr/written' 2>/dev/null && fail "the root is not read-only"
ok "user 10001, read-only root without /tmp, one volume, no capability, no network"
inside bash -c "$get" / | grep -ci '<!doctype html>' >/dev/null || fail "the dashboard"
inside bash -c "$get" /openapi.yaml | grep -c '^openapi: 3.1' >/dev/null || fail "the contract"
ok "dashboard and contract"
"$podman" healthcheck run "${containers[-1]}" >/dev/null || fail "the health check of a healthy service"
"$podman" kill --signal STOP "${containers[-1]}" >/dev/null
"$podman" healthcheck run "${containers[-1]}" >/dev/null 2>&1 && fail "the health check does not see a service that hangs"
"$podman" kill --signal CONT "${containers[-1]}" >/dev/null
ok "the health check tells a healthy service from one that hangs"
began=$(date +%s%N)
status=$(end)
[ "$status" = 0 ] || fail "SIGTERM to process 1 ended with $status"
ok "SIGTERM to process 1: ended with 0 in $((($(date +%s%N) - began) / 1000000)) ms"

echo "== as a user without a name"
mkdir "$work/data"
chown 4711:4711 "$work/data"
start --user 4711:4711 --volume "$work/data:/data" "$image"
await_ready "user 4711"
[ "$(end)" = 0 ] || fail "user 4711: SIGTERM did not end it with 0"
[ "$(stat --format %u "$work/data/byol.sqlite")" = 4711 ] || fail "user 4711: the database is not his"
ok "user 4711 serves from a folder of his"

echo "== a volume that belongs to somebody else"
mkdir --mode 755 "$work/others"
start --volume "$work/others:/data" "$image"
for _ in $(seq 100); do
  [ "$("$podman" inspect --format '{{.State.Running}}' "${containers[-1]}")" = false ] && break
  sleep 0.2
done
[ "$("$podman" inspect --format '{{.State.ExitCode}}' "${containers[-1]}")" != 0 ] || fail "it serves where it cannot write"
said=$("$podman" logs "${containers[-1]}" 2>&1)
for words in /data 'user 10001' 'user 0' 'chown 10001'; do
  grep -qF "$words" <<<"$said" || fail "the message does not say \"$words\": $said"
done
ok "it says: $said"
echo "image-test: passed"
