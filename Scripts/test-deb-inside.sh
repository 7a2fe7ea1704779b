#!/bin/bash
# Run by Scripts/test-deb.sh in a container whose systemd has started: the service with its hardening, from a run to a search.
set -euo pipefail
fail() { echo "inside: FAILED: $1"; journalctl --unit byol.service --no-pager | tail -30; exit 1; }
ok() { echo "  ok: $1"; }
url=http://127.0.0.1:8080
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" | head -1; }
main() { systemctl show byol.service --property=MainPID --value; }
await() {
  local _
  for _ in $(seq 300); do
    if "${@:2}"; then return 0; fi
    sleep 0.2
  done
  fail "$1"
}

dpkg --install /root/first.deb >/root/dpkg.log 2>&1 || { cat /root/dpkg.log; fail "dpkg --install"; }
systemctl is-active --quiet byol.socket || fail "the socket is not active"
systemctl is-active --quiet byol.service || fail "the service is not active: Type=notify was not told"
[ "$(systemctl show byol.service --property=StatusText --value)" = Serving. ] || fail "there is no status text"
[ "$(systemctl show byol.service --property=User --value)" = byol ] || fail "it does not run as byol"
[ "$(grep -c ^NoNewPrivs:.1 /proc/"$(main)"/status)" = 1 ] || fail "it may get privileges"
[ "$(curl -s -o /dev/null -w '%{http_code}' $url/readyz)" = 200 ] || fail "/readyz"
ok "installed: socket and service run, systemd was told that it is ready"

# Training, embedding and searching inside the hardening.
tar -C /root/pictures -cf /root/pictures.tar .
dataset=$(curl -sf $url/v1/datasets -H 'Content-Type: application/x-tar' --data-binary @/root/pictures.tar | field id)
[ -n "$dataset" ] || fail "the upload"
run=$(curl -sf $url/v1/runs -d "{\"dataset\": \"$dataset\", \"updates\": 4, \"batch_size\": 8, \"image_size\": 32, \"width\": 0.25, \"resources\": {\"niceness\": 0}}" | field id)
[ -n "$run" ] || fail "the run: $(curl -s $url/v1/runs -d "{\"dataset\": \"$dataset\", \"updates\": 4, \"batch_size\": 8}")"
state_is() { [ "$(curl -s $url/v1/runs/"$run" | field state)" = "$1" ]; }
await "the run did not succeed: $(curl -s $url/v1/runs/"$run")" state_is succeeded
picture=$(find /root/pictures -name '*.png' | sort | head -1)
curl -sf "$url/v1/embeddings?model=latest" -H 'Content-Type: image/png' --data-binary @"$picture" | grep -q embedding || fail "the embedding"
index=$(curl -sf $url/v1/indexes -d "{\"dataset\": \"$dataset\", \"model\": \"latest\"}" | field id)
searched() { curl -sf "$url/v1/indexes/$index/search?k=1" -H 'Content-Type: image/png' --data-binary @"$picture" >/root/found; }
await "the search" searched
ok "a run, an embedding and a search inside the hardening"

systemctl reload byol.service || fail "reload"
systemctl is-active --quiet byol.service || fail "reload ended it"
before=$(main)
kill -KILL "$before"
restarted() { [ "$(main)" != "$before" ] && systemctl is-active --quiet byol.service; }
await "it was not started again after kill -9" restarted
ok "reloaded; started again after kill -9"

# Clients that come while the service is replaced wait; none is refused.
(while [ ! -e /root/enough ]; do curl -s -o /dev/null -w '%{http_code}\n' --max-time 60 $url/livez || true; done >/root/codes) &
dpkg --install /root/next.deb >/root/dpkg.log 2>&1 || { cat /root/dpkg.log; fail "the upgrade"; }
sleep 1
touch /root/enough
wait
[ "$(sort -u /root/codes)" = 200 ] || fail "during the upgrade clients saw: $(sort /root/codes | uniq -c | tr '\n' ' ')"
state_is succeeded || fail "the upgrade lost the run"
ok "upgraded under $(wc -l </root/codes) requests: all were answered, the run is still there"

# A socket that stays takes the service up again at the first request.
systemctl stop byol.service || fail "stop"
[ "$(systemctl show byol.service --property=Result --value)" = success ] || fail "it did not end in order"
[ "$(curl -s -o /dev/null -w '%{http_code}' $url/readyz)" = 200 ] || fail "the socket did not start the service"
ok "stopped in order; the socket starts it at the next request"

dpkg --purge byol >/dev/null 2>&1 || fail "purge"
[ "$(systemctl is-active byol.service byol.socket | sort -u)" = inactive ] || fail "purge left something running"
[ ! -e /var/lib/byol ] && [ ! -e /etc/byol/byol.yaml ] || fail "purge left files"
ok "purged: nothing runs, no data is left"
echo "inside: passed"
