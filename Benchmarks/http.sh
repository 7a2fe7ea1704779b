#!/bin/sh
# Requests per second of our server and of nginx with one worker, side by side in one run on one machine.
# Needs nginx and wrk (Debian packages). Usage: Benchmarks/http.sh [seconds per row]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-5}
swift build -c release --product http-echo ${SCRATCH:+--scratch-path "$SCRATCH"} >/dev/null
work=$(mktemp -d)
trap 'kill "$ours" "$theirs" 2>/dev/null; rm -rf "$work"' EXIT

mkdir "$work/www" && head -c 1024 /dev/zero | tr '\0' x >"$work/www/kib"
cat >"$work/nginx.conf" <<EOF
worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi; open_file_cache max=100;
  server { listen 127.0.0.1:9181; root $work/www; }
}
EOF
nginx -c "$work/nginx.conf" -e "$work/error.log" &
theirs=$!
"$(swift build -c release ${SCRATCH:+--scratch-path "$SCRATCH"} --show-bin-path)/http-echo" --port 9180 >/dev/null &
ours=$!
sleep 1

rate() { wrk -t1 -c"$1" -d"$seconds" -H "Connection: $2" "$3" | awk '/Requests\/sec/ {print $2}'; }
median() { wrk -t1 -c1 -d"$seconds" --latency "$1" | awk '$1 == "50%" {print $2}'; }
row() { printf '%-42s %12s %12s %8s\n' "$1" "$2" "$3" "$(echo "$2 $3" | awk '$2 > 0 {printf "%.2f", $1 / $2}')"; }

printf '%-42s %12s %12s %8s\n' "" ours nginx ratio
for round in 1 2 3; do
  row "1 KiB, 64 connections kept alive, req/s" "$(rate 64 keep-alive http://127.0.0.1:9180/kib)" "$(rate 64 keep-alive http://127.0.0.1:9181/kib)"
done
row "1 KiB, handler on the pool, req/s" "$(rate 64 keep-alive http://127.0.0.1:9180/pool)" "$(rate 64 keep-alive http://127.0.0.1:9181/kib)"
row "1 KiB, a connection per request, req/s" "$(rate 64 close http://127.0.0.1:9180/kib)" "$(rate 64 close http://127.0.0.1:9181/kib)"
printf '%-42s %12s %12s\n' "1 KiB, one connection, median" "$(median http://127.0.0.1:9180/kib)" "$(median http://127.0.0.1:9181/kib)"
