#!/usr/bin/env python3
"""Sends many pictures, good and bad, and looks whether the service's memory stays flat.

    swift build -c release
    python3 Benchmarks/memory.py [--pictures 200000]

A service with the demo's run, a ResNet-18, is asked for embeddings of the demo's pictures, of which every fifth is spoilt: cut off, altered,
empty, no picture at all, or a header that asks for gigabytes. They come one by one, as forms and as OpenAI's JSON, on eight connections. The
resident memory of the service's process is read from /proc; the run's own process has ended by then. The first tenth is a warm-up.
Ends with 1 where a later reading is more than 5 per cent above that after the warm-up, where memory exceeds 250 MiB, or where an answer is not the one
that is due. Only the standard library is needed.
"""

import argparse
import base64
import concurrent.futures
import datetime
import http.client
import json
import pathlib
import platform
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
CONNECTIONS = 8
BATCH = 50
MIB = 1 << 20


def resident(process):
    """Resident bytes of a process: now, and at most so far."""
    text = pathlib.Path(f"/proc/{process}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) << 10 for name in ("VmRSS", "VmHWM")]


def huge():
    """The head of a PNG of 60,000 by 60,000 pixels, and one line of it."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(180_001)))


def spoilt(picture, kind):
    """A picture that does not decode."""
    if kind == 0:
        return picture[: len(picture) // 2]
    if kind == 1:
        return picture[:40] + bytes(20) + picture[60:]
    if kind == 2:
        return b"no picture at all, " * 50
    return huge()


class Client(threading.local):
    """One connection for each thread."""

    port = 0

    def call(self, method, path, body=None, headers=None):
        if not hasattr(self, "connection"):
            self.connection = http.client.HTTPConnection("127.0.0.1", Client.port, timeout=120)
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.read()


def batch(pictures, seed):
    """Pictures, and which of them are good."""
    source = random.Random(seed)
    chosen, good = [], []
    for _ in range(BATCH):
        picture, is_good = source.choice(pictures), source.random() >= 0.2
        chosen.append(picture if is_good else spoilt(picture, source.randrange(4)))
        good.append(is_good)
    return chosen, good


def send(client, pictures, seed):
    """Sends a batch in one of three ways; how many answers were not the one that is due."""
    chosen, good = batch(pictures, seed)
    if seed % 5 == 0:
        found = []
        for picture in chosen:
            status, _ = client.call("POST", "/v1/embeddings", picture, {"Content-Type": "application/octet-stream"})
            found.append({200: True, 422: False}.get(status))
        return sum(a != b for a, b in zip(found, good))
    if seed % 5 == 1:
        mark = "----byol-memory"
        body = b"".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="{n}.png"\r\n'
            "Content-Type: image/png\r\n\r\n".encode() + picture + b"\r\n" for n, picture in enumerate(chosen))
        body += (f'--{mark}\r\nContent-Disposition: form-data; name="on_error"\r\n\r\npartial\r\n--{mark}--\r\n').encode()
        kind = f"multipart/form-data; boundary={mark}"
    else:
        uris = ["data:image/png;base64," + base64.b64encode(picture).decode() for picture in chosen]
        body = json.dumps({"input": uris, "on_error": "partial", "encoding_format": "base64"}).encode()
        kind = "application/json"
    status, answer = client.call("POST", "/v1/embeddings", body, {"Content-Type": kind})
    if status != 200:
        return len(chosen)
    data = json.loads(answer)["data"]
    return sum((entry["object"] == "embedding") != is_good for entry, is_good in zip(data, good)) + len(chosen) - len(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=200_000)
    parser.add_argument("--program", default=None)
    arguments = parser.parse_args()
    program = arguments.program or subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True,
        check=True).stdout.strip() + "/byol"
    with tempfile.TemporaryDirectory() as folder:
        service = subprocess.Popen(
            [program, "serve", "--demo", "--data", folder, "--port", "0", "--niceness", "0"], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        try:
            sys.exit(measure(service, arguments.pictures))
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(60)


def measure(service, wanted):
    match = None
    while not match:
        match = re.search(r"http://127\.0\.0\.1:(\d+)", service.stdout.readline())
    Client.port = int(match.group(1))
    client = Client()
    while True:
        runs = json.loads(client.call("GET", "/v1/runs")[1])["data"]
        if runs and runs[0]["state"] in ("succeeded", "failed"):
            break
        time.sleep(1)
    dataset = json.loads(client.call("GET", "/v1/datasets")[1])["data"][0]["id"]
    pictures = [client.call("GET", f"/v1/datasets/{dataset}/images/{n}")[1] for n in range(0, 2500, 25)]
    model = json.loads(client.call("GET", "/v1/models/default")[1])["architecture"]
    batches = (wanted + BATCH - 1) // BATCH
    parts = [range(batches * k // 10, batches * (k + 1) // 10) for k in range(10)]
    readings, wrong, began = [], 0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        for part in parts:
            wrong += sum(pool.map(lambda seed: send(client, pictures, seed), part))
            readings.append(resident(service.pid))
    seconds = time.monotonic() - began
    base, highest = readings[0][0], max(now for now, _ in readings[1:])
    growth = highest / base - 1
    processor = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    lines = [
        "# Memory under many pictures", "",
        f"{datetime.date.today()}, {processor.group(1) if processor else platform.machine()}, `python3 Benchmarks/memory.py --pictures {wanted}`: "
        f"{batches * BATCH:,} pictures of the demo, every fifth spoilt, to a {model} on {CONNECTIONS} connections; {batches * BATCH / seconds:,.0f} pictures per second.", "",
        "| pictures | resident | at most so far |", "|---|---|---|"]
    for part, (now, peak) in zip(parts, readings):
        lines.append(f"| {part.stop * BATCH:,} | {now / MIB:.1f} MiB | {peak / MIB:.1f} MiB |")
    lines += ["", f"After the first tenth memory grew by {100 * growth:+.1f} % at most (allowed: 5 %); the most was "
              f"{readings[-1][1] / MIB:.0f} MiB (allowed: 250 MiB); {wrong} answers were not the one that was due."]
    print("\n".join(lines))
    (ROOT / "docs/benchmarks/memory.md").write_text("\n".join(lines) + "\n")
    return 1 if growth > 0.05 or readings[-1][1] > 250 * MIB or wrong else 0


if __name__ == "__main__":
    main()
