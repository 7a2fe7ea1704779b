#!/usr/bin/env python3
"""Measures `http-echo` beside nginx with one worker, in one run, and writes docs/benchmarks/http.md.

    swift build -c release --product http-echo
    python3 Benchmarks/http_server.py [--echo .build/release/http-echo] [--seconds 3] [--upload 4096]

Needs nginx, wrk and openssl (Debian packages). Each pair of rows is measured in turn, --rounds times; the table
shows medians. Only the standard library is needed.
"""

import argparse
import datetime
import os
import pathlib
import platform
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NGINX = """
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on; open_file_cache max=100;
  client_body_temp_path {work}/body; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
  uwsgi_temp_path {work}/u; scgi_temp_path {work}/s; client_max_body_size 0;
  ssl_certificate {work}/cert.pem; ssl_certificate_key {work}/key.pem;
  server {{
    listen 127.0.0.1:9181; listen 127.0.0.1:9183 ssl; root {work}/www;
    location /put {{ dav_methods PUT; create_full_put_path on; }}
  }}
}}
"""


def wrk(url, connections, seconds, *fields):
    """Requests per second, and the 50th and 99th percentile in microseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", url]
    for field in fields:
        command += ["-H", field]
    rate, times = 0.0, {}
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if line.startswith("Requests/sec"):
            rate = float(words[1])
        elif len(words) == 2 and words[0] in ("50%", "99%"):
            number = float(words[1].rstrip("usm"))
            times[words[0]] = number * (1 if words[1].endswith("us") else 1e3 if words[1].endswith("ms") else 1e6)
    return rate, times.get("50%", 0), times.get("99%", 0)


def resident(process):
    """Resident memory in KiB."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def pair(rounds, ours, theirs):
    """Medians of two measurements taken in turn."""
    results = [(ours(), theirs()) for _ in range(rounds)]
    return statistics.median(r[0] for r in results), statistics.median(r[1] for r in results)


def upload(port, path, mebibytes, process):
    """MiB per second of a PUT, and by how many KiB the server grew meanwhile."""
    before, peak, block = resident(process), 0, bytes(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as client:
        began = time.perf_counter()
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {mebibytes << 20}\r\n\r\n".encode())
        for number in range(mebibytes):
            client.sendall(block)
            if number % 64 == 0:
                peak = max(peak, resident(process))
        assert client.recv(4096).split()[1][:2] == b"20", path
        return mebibytes / (time.perf_counter() - began), max(0, peak - before)


def idle_cost(echo):
    """By how many KiB a process that has served nothing else grows by 1,000 connections that have had one answer each."""
    server = subprocess.Popen([echo, "--port", "9184"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        before = resident(server.pid)
        clients = [socket.create_connection(("127.0.0.1", 9184)) for _ in range(1000)]
        for client in clients:
            client.sendall(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200"), "an idle connection was not answered"
        time.sleep(1)
        grown = resident(server.pid) - before
        for client in clients:
            client.close()
        return grown
    finally:
        server.terminate()
        server.wait()


def slow_clients(port, count, stop):
    """Clients that send a byte of a head each half second."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    while not stop.wait(0.5):
        for number, client in enumerate(clients):
            try:
                client.send(b"G")
            except OSError:
                client.close()
                clients[number] = socket.create_connection(("127.0.0.1", port))
    for client in clients:
        client.close()


def measure(o, work, echo, nginx):
    plain, secure = "http://127.0.0.1:{}", "https://127.0.0.1:{}"
    rows = []

    def rates(name, bound, scheme, ports, *fields):
        ours, theirs = pair(
            o.rounds, lambda: wrk(scheme.format(ports[0]) + "/file", 64, o.seconds, *fields)[0],
            lambda: wrk(scheme.format(ports[1]) + "/kib", 64, o.seconds, *fields)[0])
        rows.append((name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", bound))

    rates("1 KiB file, 64 connections kept alive, requests/s", "≥ 1.0", plain, (9180, 9181))
    rates("a connection per request, requests/s", "≥ 0.8", plain, (9180, 9181), "Connection: close")
    rates("TLS 1.3, 64 connections kept alive, requests/s", "≥ 0.8", secure, (9182, 9183))
    ours, theirs = pair(
        o.rounds, lambda: wrk(secure.format(9182) + "/file", 64, o.seconds)[2], lambda: wrk(secure.format(9183) + "/kib", 64, o.seconds)[2])
    rows.append(("TLS 1.3, 64 connections kept alive, 99th percentile, µs", f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", "≤ 1.0"))
    one = [wrk("http://127.0.0.1:9180/file", 1, o.seconds) for _ in range(o.rounds)]
    other = [wrk("http://127.0.0.1:9181/kib", 1, o.seconds) for _ in range(o.rounds)]
    for name, at, bound in (("median", 1, "≤ 60 µs"), ("99th percentile", 2, "no 40 ms")):
        ours, theirs = (statistics.median(r[at] for r in rs) for rs in (one, other))
        rows.append((f"one connection, {name}, µs", f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.2f}", bound))
    calm = statistics.median(wrk("http://127.0.0.1:9180/file", 1, o.seconds)[2] for _ in range(o.rounds))
    stop = threading.Event()
    noise = threading.Thread(target=slow_clients, args=(9180, 200, stop))
    noise.start()
    time.sleep(1)
    busy = statistics.median(wrk("http://127.0.0.1:9180/file", 1, o.seconds)[2] for _ in range(o.rounds))
    stop.set()
    noise.join()
    rows.append(("99th percentile beside 200 slow clients, µs", f"{busy:.0f}", f"{calm:.0f} without", f"{busy / calm:.2f}", "≤ 2"))
    rows.append(("1,000 idle connections of a fresh process, KiB", f"{idle_cost(o.echo):,}", "", "", "< 16,384"))
    ours, growth = upload(9180, "/disk?keep", o.upload, echo)
    os.unlink(f"{work}/kept")
    theirs, _ = upload(9181, "/put/x", o.upload, nginx)
    os.unlink(f"{work}/www/put/x")
    rows.append((f"upload of {o.upload} MiB to disk, MiB/s", f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}", "≥ 0.7"))
    rows.append(("growth of memory during the upload, KiB", f"{growth:,}", "", "", "flat"))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--echo", default=str(ROOT / ".build/release/http-echo"))
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--upload", type=int, default=4096, help="MiB")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/http.md")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        os.makedirs(f"{work}/www/put")
        os.chmod(work, 0o755)
        os.chmod(f"{work}/www/put", 0o777)
        pathlib.Path(f"{work}/www/kib").write_bytes(b"x" * 1024)
        pathlib.Path(f"{work}/nginx.conf").write_text(NGINX.format(work=work))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", f"{work}/key.pem", "-out",
                        f"{work}/cert.pem"], check=True, capture_output=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        servers = [
            subprocess.Popen([o.echo, "--port", "9180", "--folder", work], **quiet),
            subprocess.Popen([o.echo, "--port", "9182", "--tls-cert", f"{work}/cert.pem", "--tls-key", f"{work}/key.pem"], **quiet),
            subprocess.Popen(["nginx", "-c", f"{work}/nginx.conf", "-e", f"{work}/error.log"], **quiet)]
        try:
            time.sleep(1)
            worker = int(subprocess.run(["pgrep", "-P", str(servers[2].pid)], capture_output=True, text=True).stdout)
            rows = measure(o, work, servers[0].pid, worker)
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    text = "\n".join([
        "# The HTTP server, against nginx", "",
        "`http-echo` with one loop and nginx with one worker, each serving the same 1 KiB file to `wrk` with one thread on the",
        "same machine, so that the client takes a core of its own. Written by `Benchmarks/http_server.py`; run it again on yours.", "",
        f"{datetime.date.today()} · {model}, {os.cpu_count()} cores · commit {commit} · median of {o.rounds} rounds of {o.seconds} s, in turn.", "",
        "| | ours | nginx | ratio | aim |", "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
    print(text)
    o.output.write_text(text)


if __name__ == "__main__":
    main()
