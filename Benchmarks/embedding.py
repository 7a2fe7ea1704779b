#!/usr/bin/env python3
"""Runs byol's encoder beside OpenVINO and its service beside FastAPI with ONNX Runtime, and writes a table.

    swift build -c release
    python3 Benchmarks/embedding.py [--rounds 3] [--seconds 5] [--parts encoder,service]

The peers run in a virtual environment as in `bench.py`. Each round runs every program once, one after the other; the
tables show medians over the rounds. The service's model is the first checkpoint of a run on drawn pictures: what a
model has learnt changes nothing of its speed.
"""

import argparse
import contextlib
import datetime
import io
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

import bench
import load as traffic

CASES = [("resnet18", 1), ("resnet18", 16), ("resnet50", 1), ("resnet50", 16)]
# A 99th percentile wants many requests: those that come at random times come for so many times the seconds of other runs.
BUSY_ROUNDS = 4
PACKAGES = ["torch", "torchvision", "openvino", "onnx", "onnxruntime", "fastapi", "uvicorn", "lightly"]


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--byol", type=pathlib.Path, default=bench.ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/byol-bench")
    parser.add_argument("--python", help="the interpreter of an environment that has the peers")
    parser.add_argument("--parts", default="encoder,service")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="measured in each run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--picture", type=pathlib.Path, help="a JPEG; drawn, 400 px, if not given")
    parser.add_argument("--output", type=pathlib.Path,
                        default=bench.ROOT / "docs/benchmarks/embedding.md")
    return parser.parse_args()


# The encoder alone.

def encoder_table(o, python):
    results = {}
    for number in range(o.rounds):
        for name, batch in CASES:
            shared = ["--encoder", name, "--size", "224", "--batch", str(batch),
                      "--threads", str(o.threads), "--seconds", str(o.seconds)]
            ours = [str(o.byol), "benchmark", "encoder", *shared, "--json"]
            theirs = [python, str(bench.HERE / "embedding_openvino.py"), *shared]
            for label, command in (("byol", ours), ("OpenVINO", theirs)):
                result = bench.run(command)
                results.setdefault((name, batch), {}).setdefault(label, []).append(result)
                print(f"round {number + 1}: {name}, batch {batch}: {label}: "
                      f"{result['images_per_second']:.1f} images/s", file=sys.stderr)
    lines = ["| encoder, 224 px | batch | byol, images/s (rounds) | OpenVINO, images/s (rounds) | × |",
             "|---|---|---|---|---|"]
    for (name, batch), programs in results.items():
        cells = []
        for label in ("byol", "OpenVINO"):
            each = [r["images_per_second"] for r in programs[label]]
            cells.append((statistics.median(each), f"{min(each):.1f}–{max(each):.1f}"))
        (ours, a), (theirs, b) = cells
        lines.append(f"| {name} | {batch} | {ours:.1f} ({a}) | {theirs:.1f} ({b}) | {ours / theirs:.2f} |")
    version = results[CASES[0]]["OpenVINO"][0]["version"]
    return "\n\n".join([
        "## The encoder",
        "The forward pass of pictures that lie in memory as float32, to representations: ResNets with random weights, "
        f"bfloat16 on both sides. OpenVINO {version} at the better of its two hints, latency (all threads on one "
        "request) and throughput (several requests at once).",
        "\n".join(lines)])


# The service.

def drawn(python):
    """A JPEG of 400 px about as hard to decode as a photograph."""
    script = ("import sys; sys.path.insert(0, sys.argv[1]); from views_lightly import drawn; "
              "sys.stdout.buffer.write(drawn(400))")
    return subprocess.run([python, "-c", script, str(bench.HERE)], stdout=subprocess.PIPE,
                          check=True).stdout


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def program(command, url):
    """A server, from when it answers to its end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with {process.returncode}.")
            with contextlib.suppress(OSError):
                socket.create_connection(url, timeout=1).close()
                break
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        if process.poll() is None:
            process.kill()


def call(url, body=None, kind="application/json"):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def make_model(address, jpeg):
    """Trains for one update, so that there is a model of ResNet-18 at 224 px."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for index in range(8):
            entry = tarfile.TarInfo(f"{index}.jpg")
            data = jpeg + bytes([index])  # Bytes behind the end of a JPEG are skipped.
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    dataset = call(f"{address}/v1/datasets", tar.getvalue(), "application/x-tar")["id"]
    run = call(f"{address}/v1/runs", json.dumps({
        "dataset": dataset, "epochs": 1, "batch_size": 2, "image_size": 224,
        "architecture": "resnet18", "stem": "imagenet", "width": 1,
        # Both sides compute the same: the plain encoder on pictures of 224 px.
        "embedding": "representation", "embedding_size": 224}).encode())["id"]
    for _ in range(600):
        state = call(f"{address}/v1/runs/{run}")["state"]
        if state == "succeeded":
            return
        if state in ("failed", "stopped"):
            sys.exit(f"The run {run} {state}.")
        time.sleep(0.5)


def service_table(o, python):
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        picture = o.picture or pathlib.Path(folder) / "picture.jpg"
        if not o.picture:
            picture.write_bytes(drawn(python))
        made = False
        for number in range(o.rounds):
            for label in ("byol", "FastAPI, serial", "FastAPI, pool"):
                port = free_port()
                address = f"http://127.0.0.1:{port}"
                if label == "byol":
                    command = [str(o.byol), "serve", "--data", f"{folder}/data", "--port", str(port),
                               "--threads", str(o.threads), "--log-level", "warning"]
                else:
                    command = [python, str(bench.HERE / "embedding_fastapi.py"), "--port", str(port),
                               "--threads", str(o.threads), "--mode", label.split()[1]]
                with program(command, ("127.0.0.1", port)):
                    if label == "byol" and not made:
                        make_model(address, picture.read_bytes())
                        made = True
                    load = [sys.executable, str(bench.HERE / "load.py"),
                            f"{address}/v1/embeddings", str(picture)]
                    bench.run(load + ["--seconds", "2"])
                    timed = load + ["--seconds", str(o.seconds)]
                    result = bench.run(timed + ["--clients", str(o.clients)])
                    alone = bench.run(timed + ["--clients", "1"])
                    capacity, seconds = result["requests_per_second"], BUSY_ROUNDS * o.seconds
                    rate = 0.7 * capacity
                    busy = bench.run(load + ["--seconds", str(seconds), "--clients", "256", "--rate", str(rate)])
                    ideal = traffic.percentile(traffic.ideal_times(rate, seconds, o.threads, capacity), 0.99)
                    result |= {"alone_seconds": alone["median_seconds"], "busy_seconds": busy["p99_seconds"], "ideal_seconds": ideal,
                               "busy_ratio": busy["p99_seconds"] / alone["median_seconds"],
                               "ideal_ratio": ideal / alone["median_seconds"]}
                results.setdefault(label, []).append(result)
                print(f"round {number + 1}: {label}: {result['requests_per_second']:.1f} requests/s",
                      file=sys.stderr)
        size = picture.stat().st_size
    rates = {l: statistics.median(r["requests_per_second"] for r in rs) for l, rs in results.items()}
    best = max((l for l in rates if l != "byol"), key=rates.get)
    lines = ["| program | requests/s (rounds) | median, ms | 99th percentile, ms | × best peer | one client, median, ms "
             "| at 70 % of that rate, 99th percentile, ms (the ideal queue's) | over one client's median (the ideal queue's) |",
             "|---|---|---|---|---|---|---|---|"]
    for label, rounds in results.items():
        each = [r["requests_per_second"] for r in rounds]
        times = [1000 * statistics.median(r[k] for r in rounds)
                 for k in ("median_seconds", "p99_seconds", "alone_seconds", "busy_seconds", "ideal_seconds")]
        ratios = [statistics.median(r[k] for r in rounds) for k in ("busy_ratio", "ideal_ratio")]
        lines.append(f"| {label} | {rates[label]:.1f} ({min(each):.1f}–{max(each):.1f}) | {times[0]:.1f} "
                     f"| {times[1]:.1f} | {rates[label] / rates[best]:.2f} | {times[2]:.1f} "
                     f"| {times[3]:.1f} ({times[4]:.1f}) | {ratios[0]:.1f} ({ratios[1]:.1f}) |")
    return "\n\n".join([
        "## The service",
        f"A JPEG of {size} bytes ({'400 px, drawn' if not o.picture else o.picture.name}) to an embedding of ResNet-18 at "
        f"224 px over HTTP, {o.clients} clients that each wait for their answer, the load on the same machine; then one client, and requests "
        "that come at random times, 70 % as many as those clients got answered. In brackets stands what an ideal queue of one place per thread "
        "gives for the same times, when every request takes the same and nothing else takes any: some of the requests come together and wait. byol in "
        "bfloat16; FastAPI with ONNX Runtime in float32, serially on all threads and as a pool of one-thread requests.",
        "\n".join(lines)])


def main():
    o = options()
    python = bench.interpreter(o, PACKAGES)
    parts = {"encoder": encoder_table, "service": service_table}
    tables = [parts[part](o, python) for part in o.parts.split(",")]
    text = "\n\n".join([
        "# Embeddings, against OpenVINO and FastAPI",
        "Written by `Benchmarks/embedding.py`; run it again on your machine.",
        f"{datetime.date.today()} · {bench.processor()}, {o.threads} threads · commit {bench.commit()} · {o.rounds} rounds "
        f"of {o.seconds:g} s each, the programs in turn.",
        *tables]) + "\n"
    o.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
