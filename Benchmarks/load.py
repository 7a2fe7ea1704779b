#!/usr/bin/env python3
"""Posts one picture again and again from several clients and prints requests per second.

    python Benchmarks/load.py http://127.0.0.1:8080/v1/embeddings cat.jpg --clients 16 --seconds 10

Each client keeps its connection. Prints one line of JSON; ends with 1 if any answer was not 200.
Only the standard library is needed.
"""

import argparse
import http.client
import json
import pathlib
import statistics
import sys
import threading
import time
import urllib.parse


def client(url, body, end, times, failures):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    target = url.path + (f"?{url.query}" if url.query else "")
    while time.monotonic() < end:
        start = time.perf_counter()
        try:
            connection.request("POST", target, body, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
        except OSError as error:
            failures.append(str(error))
            return
        times.append(time.perf_counter() - start)
        if response.status != 200:
            failures.append(response.status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    o = parser.parse_args()
    url, body = urllib.parse.urlsplit(o.url), o.picture.read_bytes()
    times, failures = [], []
    start = time.monotonic()
    clients = [
        threading.Thread(target=client, args=(url, body, start + o.seconds, times, failures))
        for _ in range(o.clients)
    ]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    elapsed = time.monotonic() - start
    if not times:
        sys.exit(f"No request was answered: {failures[0]}")
    times.sort()
    print(json.dumps({
        "requests_per_second": len(times) / elapsed, "requests": len(times),
        "clients": o.clients, "failures": len(failures),
        "median_seconds": statistics.median(times),
        "p99_seconds": times[int(0.99 * (len(times) - 1))],
    }))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
