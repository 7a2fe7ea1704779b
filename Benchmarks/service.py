#!/usr/bin/env python3
"""Measures `byol serve` as its users meet it, in one go, and prints and writes a table.

    swift build -c release
    python3 Benchmarks/service.py [--rounds 3] [--requests 300] [--dashboards 1000]

- start: from the process's start to the first 200 of /readyz, with an empty data folder and with 10,000 runs;
- /v1/embeddings while nothing trains and while a run trains, in turn: median and 99th percentile, and their ratio;
- dashboards that poll a run's status and its curves once a second with If-None-Match: the service's processor time;
- 10,000 runs in the store: a page of the list, a page of one state, one status.

Everything goes over loopback to one service with a fresh data folder; the pictures are the demo's. Ends with 1
where a figure misses its bound. Only the standard library is needed.
"""

import argparse
import asyncio
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECIPE = {"architecture": "resnet18", "stem": "cifar", "image_size": 32, "batch_size": 64, "epochs": 1000}


class Service:
    """One `byol serve` on a free port; `seconds` is the time it took to become ready."""

    def __init__(self, program, data, *arguments):
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [program, "serve", "--data", data, "--port", "0", *arguments], cwd=ROOT,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        match = None
        while not match:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("byol serve has ended before it told its address.")
            match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        self.port = int(match.group(1))
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if self.call("GET", "/readyz")[0] != 200:
            sys.exit("byol serve is not ready after telling its address.")
        self.seconds = time.perf_counter() - began

    def call(self, method, path, body=None, headers=None):
        if isinstance(body, dict):
            body, headers = json.dumps(body), {"Content-Type": "application/json"}
        self.connection.request(method, path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def json(self, method, path, body=None):
        status, _, content = self.call(method, path, body)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {content.decode()}")
        return json.loads(content)

    def wait(self, run, condition, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            record = self.json("GET", f"/v1/runs/{run}")
            if condition(record):
                return record
            time.sleep(0.1)
        sys.exit(f"Run {run} has not come so far: {record['state']}, {record['progress']}")

    def processor_seconds(self):
        """Of the service alone, without its workers."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, round(share * (len(values) - 1)))]


def times(count, call):
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return taken


def demo_dataset(service):
    """The dataset that --demo draws; its run is stopped and removed."""
    while not service.json("GET", "/v1/runs")["data"]:
        time.sleep(0.1)
    run = service.json("GET", "/v1/runs")["data"][0]
    service.json("POST", f"/v1/runs/{run['id']}/stop?now=true")
    service.wait(run["id"], lambda r: r["state"] == "stopped")
    service.call("DELETE", f"/v1/runs/{run['id']}")
    return run["dataset"]


def embeddings(service, dataset, o):
    """Seconds of each request while idle, and while training."""
    picture = service.call("GET", f"/v1/datasets/{dataset}/images/0")[2]
    run = service.json("POST", "/v1/runs", {"dataset": dataset, **RECIPE})["id"]
    service.wait(run, lambda r: r["progress"]["step"] >= 3)
    stop(service, run)

    def embed():
        status, _, body = service.call("POST", "/v1/embeddings", picture, {"Content-Type": "image/png"})
        if status != 200:
            sys.exit(f"/v1/embeddings: {status} {body.decode()}")

    idle, training, speeds = [], [], []
    for _ in range(o.rounds):
        times(20, embed)
        idle += times(o.requests, embed)
        step = service.json("POST", f"/v1/runs/{run}/start")["progress"]["step"]
        service.wait(run, lambda r: r["progress"]["step"] >= step + 5)
        training += times(o.requests, embed)
        speeds.append(service.json("GET", f"/v1/runs/{run}")["progress"]["images_per_second"] or 0)
        stop(service, run)
    return run, idle, training, statistics.median(speeds)


def stop(service, run):
    service.json("POST", f"/v1/runs/{run}/stop")
    service.wait(run, lambda r: r["state"] == "stopped")


async def dashboard(port, paths, end, counts, delay):
    """Polls as a browser does: one connection, what it knows in If-None-Match, once a second."""
    await asyncio.sleep(delay)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tags = {}
    while (began := time.monotonic()) < end:
        for path in paths:
            known = f"If-None-Match: {tags[path]}\r\n" if path in tags else ""
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{known}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if match := re.search(r"^etag: (.*)\r$", head, re.IGNORECASE | re.MULTILINE):
                tags[path] = match.group(1)
            if match := re.search(r"^content-length: (\d+)\r$", head, re.IGNORECASE | re.MULTILINE):
                if head.startswith("HTTP/1.1 200"):
                    await reader.readexactly(int(match.group(1)))
            counts[head[9:12]] = counts.get(head[9:12], 0) + 1
        await asyncio.sleep(max(0, 1 - (time.monotonic() - began)))
    writer.close()


def polling(service, run, o):
    """The service's share of one processor, and the replies by status."""
    paths = [f"/v1/runs/{run}", f"/v1/runs/{run}/metrics?keys=loss,cosine,embedding_std&max_points=400"]

    async def all_of_them():
        end = time.monotonic() + o.seconds
        await asyncio.gather(*(
            dashboard(service.port, paths, end, counts, index / o.dashboards) for index in range(o.dashboards)))

    counts = {}
    before, began = service.processor_seconds(), time.monotonic()
    asyncio.run(all_of_them())
    return (service.processor_seconds() - before) / (time.monotonic() - began), counts


def fill(data, count):
    """Copies the newest run's row under `count` new ids, which it returns."""
    database = sqlite3.connect(f"{data}/byol.sqlite")
    (text, status, dataset) = database.execute(
        "SELECT run, status, dataset FROM run ORDER BY id DESC LIMIT 1").fetchone()
    states, ids = ["succeeded"] * 97 + ["failed", "stopped", "stopped"], []
    for index in range(count):
        number = f"0199e6a2-{index >> 16:04x}-7{index >> 12 & 0xfff:03x}-9a55-{index:012x}"
        record, state = json.loads(text), json.loads(status)
        record["id"], state["state"] = number, states[index % 100]
        ids.append(number)
        database.execute(
            "INSERT INTO run (id, state, dataset, run, status) VALUES (?, ?, ?, ?, ?)",
            (number, state["state"], dataset, json.dumps(record), json.dumps(state)))
    database.commit()
    database.close()
    return ids


def ten_thousand(program, data, o):
    ids = fill(data, 10_000)
    service = Service(program, data)
    figures = {"start, 10,000 runs in the store": service.seconds}
    # Each asks for what nobody has asked for yet: nothing of it is kept in memory.
    count = min(o.requests, 400)
    for name, paths in [
        ("list: a page of 20 of 10,000 runs", [f"/v1/runs?limit=20&after={ids[-25 * i - 1]}" for i in range(count)]),
        ("list: a page of 20 that failed", [f"/v1/runs?limit=20&state=failed&after={ids[-10 * i - 1]}" for i in range(count)]),
        ("status: one of 10,000 runs", [f"/v1/runs/{ids[-24 * i - 7]}" for i in range(count)]),
    ]:
        remaining = iter(paths)
        figures[name] = statistics.median(times(count, lambda: service.json("GET", next(remaining))))
    service.end()
    return figures


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--byol", default=str(ROOT / ".build/release/byol"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=300, help="in a round")
    parser.add_argument("--dashboards", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10, help="of polling")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/service.md")
    return parser.parse_args()


def milliseconds(seconds):
    return f"{seconds * 1000:.1f} ms"


def measure(o):
    """Rows of the table: what, figure, bound, and whether the bound is kept."""
    rows = []

    def row(what, figure, bound="", kept=True):
        rows.append((what, figure, bound, kept))
        print(f"{what}: {figure}" + (f" (at most {bound})" if bound else "") + ("" if kept else "  MISSED"))

    with tempfile.TemporaryDirectory() as data:
        starts = []
        for _ in range(5):
            with tempfile.TemporaryDirectory() as empty:
                service = Service(o.byol, empty)
                starts.append(service.seconds)
                service.end()
        start = statistics.median(starts)
        row("start to ready, empty folder", milliseconds(start), "200 ms", start <= 0.2)
        service = Service(o.byol, data, "--demo")
        run, idle, training, speed = embeddings(service, demo_dataset(service), o)
        for name, values in [("idle", idle), (f"while a run trains at {speed:.0f} img/s", training)]:
            row(f"`/v1/embeddings`, {name}: median", milliseconds(statistics.median(values)))
            row(f"`/v1/embeddings`, {name}: p99", milliseconds(percentile(values, 0.99)))
        ratio = percentile(training, 0.99) / percentile(idle, 0.99)
        row("p99 while training / p99 while idle", f"{ratio:.2f} ×", "2.5 ×", ratio <= 2.5)
        share, counts = polling(service, run, o)
        row(f"{o.dashboards} dashboards on a stopped run: the service's share of one processor",
            f"{share:.1%}", "25 %", share <= 0.25 and set(counts) <= {"200", "304"})
        service.json("POST", f"/v1/runs/{run}/start")
        service.wait(run, lambda r: r["state"] == "running" and r["progress"]["images_per_second"])
        share, counts = polling(service, run, o)
        row(f"{o.dashboards} dashboards on a run that trains ({counts.get('304', 0)} of {sum(counts.values())} replies 304)",
            f"{share:.1%}", "50 %", share <= 0.5 and set(counts) <= {"200", "304"})
        stop(service, run)
        service.end()
        for name, seconds in ten_thousand(o.byol, data, o).items():
            bound = 0.2 if name.startswith("start") else 0.005
            row(name, milliseconds(seconds), milliseconds(bound), seconds <= bound)
    return rows


def write(rows, o):
    lines = [
        "# The service under use", "",
        "Written by `Benchmarks/service.py`; `make bench` runs it. Each figure with a bound misses or keeps it in this one run.", "",
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, {datetime.date.today()}. "
        f"The run trains {RECIPE['architecture']}, {RECIPE['image_size']} px, batch {RECIPE['batch_size']}, on the demo's pictures; "
        f"embeddings are single pictures over one connection, {o.requests} in each of {o.rounds} rounds, idle and training in turn.",
        "", "| what | figure | bound |", "|---|---|---|",
    ]
    lines += [f"| {what} | {figure} | {bound or '–'}{'' if kept else ' (missed)'} |" for what, figure, bound, kept in rows]
    o.output.write_text("\n".join(lines) + "\n")


def main():
    o = options()
    rows = measure(o)
    write(rows, o)
    print(f"written: {o.output}")
    sys.exit(0 if all(kept for *_, kept in rows) else 1)


if __name__ == "__main__":
    main()
