#!/bin/bash
# Independent judges of the HTTP server: h11, httplint, curl, Schemathesis, slowhttptest, sslyze and testssl.sh.
# Usage: Scripts/judges.sh [FOLDER OF THE PROGRAMS]; needs slowhttptest, testssl.sh, openssl and curl (Debian). Those from
# PyPI go into a virtual environment, JUDGES (by default ~/.cache/byol-judges). Ends with the names of those that found faults.
set -uo pipefail
cd "$(dirname "$0")/.."
programs=${1:-$(swift build -c release --show-bin-path)}
environment=${JUDGES:-$HOME/.cache/byol-judges}
if [ ! -x "$environment/bin/schemathesis" ]; then
  python3 -m venv "$environment" && "$environment/bin/pip" install --quiet h11 httplint schemathesis sslyze
fi
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
"$programs/http-echo" --port 9280 >"$work/echo.log" 2>&1 & pids+=($!)
"$programs/http-echo" --port 9281 --tls-cert "$work/cert.pem" --tls-key "$work/key.pem" >"$work/tls.log" 2>&1 & pids+=($!)
"$programs/byol" serve --port 9282 --data "$work/data" >"$work/byol.log" 2>&1 & pids+=($!)
sleep 3
url=http://127.0.0.1:9280
failed=()
judge() {
  local name=$1
  shift
  echo "== $name"
  "$@" || failed+=("$name")
}

lint() {
  local target status=0
  for target in / /file /none /cookie; do
    "$environment/bin/python" Scripts/judges_lint.py "$url$target" >"$work/lint.log" 2>&1 || { cat "$work/lint.log"; status=1; }
    grep -q '\[GOOD\]' "$work/lint.log" || { echo "$target: httplint said nothing"; status=1; }
    grep '\[BAD\]' "$work/lint.log" && status=1
  done
  [ $status -ne 0 ] || echo "httplint: nothing bad in four responses"
  return $status
}
curls() {
  local status=0
  same() { [ "$2" = "$3" ] || { echo "curl: $1: $2, expected $3"; status=1; }; }
  head -c 3000000 /dev/urandom >"$work/body"
  curl -s -H 'Expect: 100-continue' --data-binary "@$work/body" "$url/" | cmp -s - "$work/body" || { echo "curl: the echo differs"; status=1; }
  curl -s -H 'Transfer-Encoding: chunked' --data-binary "@$work/body" "$url/" | cmp -s - "$work/body" || { echo "curl: the chunked echo differs"; status=1; }
  same "two requests, one connection" "$(curl -s -o /dev/null -o /dev/null -w '%{num_connects}' "$url/" "$url/file")" 10
  same "HTTP/1.0" "$(curl -s --http1.0 "$url/")" ok
  same "upload" "$(curl -s -F "f=@$work/body" "$url/upload" | grep -o '[0-9a-f]\{64\}')" "$(sha256sum "$work/body" | cut -d' ' -f1)"
  same "resume" "$(curl -s -C 1000 "$url/file" | wc -c)" 24
  same "etag" "$(curl -s --etag-save "$work/etag" -o /dev/null "$url/file"; curl -s --etag-compare "$work/etag" -o /dev/null -w '%{http_code}' "$url/file")" 304
  same "PUT to disk" "$(curl -s -T "$work/body" "$url/disk")" 3000000
  same "TLS" "$(curl -s --cacert "$work/cert.pem" https://localhost:9281/)" ok
  same "TLS 1.1" "$(curl -sk --tls-max 1.1 https://localhost:9281/ -o /dev/null -w '%{http_code}')" 000
  [ $status -ne 0 ] || echo "curl: ten behaviours as expected"
  return $status
}
contract() {
  local contract=$PWD/openapi.yaml
  (cd "$work" && "$environment/bin/schemathesis" run "$contract" --url http://127.0.0.1:9282 --checks not_a_server_error \
    --max-examples 20 --generation-deterministic --suppress-health-check all --request-timeout 10 --continue-on-failure) >"$work/schemathesis.log" 2>&1
  local status=$?
  tail -25 "$work/schemathesis.log"
  return $status
}
slow() {
  local mode
  for mode in -H -B -X; do
    slowhttptest -c 200 "$mode" -i 2 -r 100 -l 20 -p 2 -u "$url/" >"$work/slow.log" 2>&1
    [ "$(curl -s --max-time 2 "$url/")" = ok ] || { echo "slowhttptest $mode: no answer afterwards"; return 1; }
    grep -aq 'service available:.*NO' "$work/slow.log" && { echo "slowhttptest $mode: service unavailable"; return 1; }
  done
  echo "slowhttptest: available throughout slow heads, bodies and reads of 200 connections"
}
profile() {
  "$environment/bin/sslyze" --mozilla_config intermediate 127.0.0.1:9281 >"$work/sslyze.log" 2>&1
  sed -n '/COMPLIANCE/,$p' "$work/sslyze.log"
  # Only the certificate that was made for this run may be at fault: nobody has signed it.
  ! sed -n '/COMPLIANCE/,$p' "$work/sslyze.log" | grep -E '^ +\* ' | grep -vqiE 'certificate|matches|validity'
}
tls() {
  local program
  program=$(command -v testssl || command -v testssl.sh)
  "$program" --quiet --color 0 --warnings batch -p -s -f -U 127.0.0.1:9281 >"$work/testssl.log" 2>&1 </dev/null
  grep -cE 'OK\)' "$work/testssl.log" | sed 's/$/ findings OK/'
  ! grep -E 'NOT ok|VULNERABLE' "$work/testssl.log" | grep -v 'not vulnerable'
}

judge h11 "$environment/bin/python" Scripts/judges_h11.py 9280
judge httplint lint
judge curl curls
judge sslyze profile
judge testssl tls
judge slowhttptest slow
judge schemathesis contract
if [ ${#failed[@]} -gt 0 ]; then
  echo "judges: faults found by: ${failed[*]}" >&2
  exit 1
fi
echo "judges: none found a fault"
