#!/usr/bin/env python3
"""Exact search beside faiss-cpu's IndexFlatIP, both sides in turn in one run.

    swift build -c release
    python3 Benchmarks/search.py [--rows 1000000] [--dimension 512] [--rounds 5]

The vectors are in random directions, the worst case for a search that leaves rows out by bounds: real embeddings lie in groups. Both
sides read the same file, `vectors.npy` of an index, and use the same threads. A second index stores the same vectors in float16: its
searches are timed too, and its answers and scores compared with those of float32, by NumPy over every vector. The virtual environment is made once
(`--environment`); `--python` names the interpreter of one that has faiss-cpu and NumPy.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent

PEER = """
import json, sys, time
import faiss, numpy
kind, path, threads, batch, count = *sys.argv[1:3], *map(int, sys.argv[3:6])
seconds = float(sys.argv[6])
faiss.omp_set_num_threads(threads)
vectors = numpy.load(path)
rows, dimension = vectors.shape
def queries(turn):
    first = (turn * 7919 + numpy.arange(batch) * 104729) % rows
    return vectors[first] + numpy.float32(0.5) * vectors[(first + 1) % rows]
asked = [queries(turn) for turn in range(1000)]
if kind == "faiss":
    index = faiss.IndexFlatIP(dimension)
    index.add(vectors)
    del vectors
    search = lambda q: index.search(q, count)
else:
    def search(q):
        scores = q @ vectors.T
        found = numpy.argpartition(scores, rows - count, axis=1)[:, -count:]
        return numpy.take_along_axis(scores, found, 1), found
for turn in range(2):
    search(asked[turn])
times, turn = [], 2
while len(times) < 3 or sum(times) < seconds:
    began = time.perf_counter()
    search(asked[turn % 1000])
    times.append(time.perf_counter() - began)
    turn += 1
times.sort()
print(json.dumps({"seconds": times[len(times) // 2]}))
"""

# What rounding to float16 changes: how many of the nearest are the same, and the greatest difference of a score.
ROUNDING = """
import json, sys
import numpy
one, other, count = numpy.load(sys.argv[1]), numpy.load(sys.argv[2]).astype(numpy.float32), int(sys.argv[3])
rows = one.shape[0]
common, greatest, asked = 0, 0.0, 200
for first in range(0, asked, 50):
    chosen = (numpy.arange(first, first + 50) * 104729) % rows
    q = one[chosen] + numpy.float32(0.5) * one[(chosen + 1) % rows]
    q /= numpy.linalg.norm(q, axis=1, keepdims=True)
    a, b = q @ one.T, q @ other.T
    greatest = max(greatest, float(numpy.abs(a - b).max()))
    best = [numpy.argpartition(s, rows - count, axis=1)[:, -count:] for s in (a, b)]
    common += sum(len(set(x) & set(y)) for x, y in zip(*best))
print(json.dumps({"recall": common / (asked * count), "greatest": greatest}))
"""

PEERS = ["faiss", "numpy"]
# Both peers' OpenBLAS takes some processors that hide their model's name for ones of 2004: it is told what they can do.
CORES = {"avx512f": "SkylakeX", "avx2": "Haswell"}


def peer_environment(threads):
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    core = next((core for flag, core in CORES.items() if flag in flags), None)
    told = {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    return {**os.environ, **told, **({"OPENBLAS_CORETYPE": core} if core else {})}


def interpreter(options):
    if options.python:
        return options.python
    python = options.environment / "bin/python"
    if not python.exists():
        venv.create(options.environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "faiss-cpu", "numpy"], check=True)
    return str(python)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--byol", type=pathlib.Path, default=ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path, default=pathlib.Path.home() / ".cache/byol-search")
    parser.add_argument("--python")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--index", type=pathlib.Path, help="an index that is kept; made where it is missing")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/search.md")
    options = parser.parse_args()
    python = interpreter(options)
    with tempfile.TemporaryDirectory() as temporary:
        index = options.index or pathlib.Path(temporary) / "index"
        narrow = index.with_name(index.name + "-float16")

        def search(path, batch, storage):
            make = [] if path.exists() else ["--make", f"{options.rows}x{options.dimension}", "--storage", storage]
            ran = subprocess.run(
                [options.byol, "benchmark", "search", "--index", path, "--batch", str(batch), "--threads",
                 str(options.threads), "--seconds", str(options.seconds), "--json", *make],
                check=True, capture_output=True, text=True)
            return json.loads(ran.stdout)

        results = {1: ([], [], [], [], []), 64: ([], [], [], [], [])}
        for _ in range(options.rounds):
            for batch, (ours, floors, narrows, *peers) in results.items():
                told = search(index, batch, "float32")
                ours.append(told["seconds"])
                floors.append(told["floor_seconds"])
                narrows.append(search(narrow, batch, "float16")["seconds"])
                for kind, times in zip(PEERS, peers):
                    ran = subprocess.run(
                        [python, "-c", PEER, kind, index / "vectors.npy", str(options.threads), str(batch), "10",
                         str(options.seconds)],
                        check=True, capture_output=True, text=True, env=peer_environment(options.threads))
                    times.append(json.loads(ran.stdout)["seconds"])
                print(f"batch {batch}: {ours[-1] * 1e3:.1f} ms, float16 {narrows[-1] * 1e3:.1f} ms, floor {floors[-1] * 1e3:.1f} ms, "
                      + ", ".join(f"{kind} {times[-1] * 1e3:.1f} ms" for kind, times in zip(PEERS, peers)),
                      file=sys.stderr)
        ran = subprocess.run(
            [python, "-c", ROUNDING, index / "vectors.npy", narrow / "vectors.npy", "10"], check=True,
            capture_output=True, text=True, env=peer_environment(options.threads))
        rounding = json.loads(ran.stdout)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    lines = [
        "# Exact search", "",
        f"{options.rows:,} vectors of {options.dimension} components in random directions, the ten nearest, {options.threads} threads, "
        f"{cpu}. Medians of {options.rounds} rounds (lowest–highest), milliseconds for all queries of a batch. The floor is one pass over "
        "the codes of eight bits, which a search has to read.", "",
        "| queries | byol | floor | byol, stored in float16 | faiss-cpu IndexFlatIP | NumPy, `@` and `argpartition` | the better peer over byol |",
        "|---|---|---|---|---|---|---|",
    ]
    for batch, (ours, floors, narrows, *peers) in results.items():
        def cell(values):
            return f"{statistics.median(values) * 1e3:.1f} ({min(values) * 1e3:.1f}–{max(values) * 1e3:.1f})"
        ratio = min(statistics.median(p / o for o, p in zip(ours, peer)) for peer in peers)
        cells = " | ".join(cell(values) for values in [ours, floors, narrows, *peers])
        lines.append(f"| {batch} | {cells} | {ratio:.2f} × |")
    lines += [
        "", f"Stored in float16 instead of float32, {rounding['recall']:.2%} of the ten nearest are the same, and no score of any of the "
        f"{options.rows:,} vectors differs by more than {rounding['greatest']:.1e} (200 queries, NumPy).",
        "", "    python3 Benchmarks/search.py", ""]
    options.output.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
