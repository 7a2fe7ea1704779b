#!/usr/bin/env python3
"""Runs `byol benchmark step` and its PyTorch peer in turn, and prints and writes a table.

    swift build -c release
    python3 Benchmarks/bench.py [--rounds 3] [--seconds 10] [--cases small,base]

The peer runs in a virtual environment that this script makes once (`--environment`, by default
~/.cache/byol-bench) and fills with torch and torchvision from PyPI; `--python` names the
interpreter of one that exists. Each round runs every program once, one after the other, so that a
slow minute of the machine meets all of them; the table shows the median over the rounds of each
program's median step.

Only the standard library is needed here.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent

CASES = {
    # name: encoder, width, stem, size in pixels, batch, and the number and side of small views where there are any
    "small": ("resnet18", 1, "cifar", 32, 64),
    "base": ("resnet18", 1, "imagenet", 64, 256),
    "large": ("resnet50", 1, "imagenet", 224, 16),
    "quarter": ("resnet18", 0.25, "cifar", 32, 128),
    "half": ("resnet18", 0.5, "cifar", 32, 128),
    "tiny": ("resnet18", 0.25, "cifar", 16, 512),
    "wider": ("resnet18", 0.25, "cifar", 64, 64),
    "crops": ("resnet18", 0.25, "cifar", 32, 64, 6, 16),
}
# What limits PyTorch and its oneDNN to the families of `byol benchmark --processor`.
LIMITS = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--byol", type=pathlib.Path, default=ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/byol-bench")
    parser.add_argument("--python", help="the interpreter of an environment that has torch")
    parser.add_argument("--processor", choices=LIMITS, help="limit both sides to this family; bfloat16 is left out then")
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--precisions", default="float32,bfloat16", help="byol's, such as float32,bfloat16")
    parser.add_argument("--peer-precisions", default="float32,bfloat16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="measured in each run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/step.md")
    o = parser.parse_args()
    if o.processor:
        o.precisions = o.peer_precisions = "float32"
    return o


def interpreter(o, packages=("torch", "torchvision")):
    """The peer's Python, with these packages in it."""
    if o.python:
        return o.python
    python = o.environment / "bin/python"
    if not python.exists():
        print(f"Making a virtual environment in {o.environment} …", file=sys.stderr)
        venv.create(o.environment, with_pip=True)
    if subprocess.run(
            [python, "-c", f"import {', '.join(packages)}"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return str(python)


def commands(o, python, case):
    """Every program to compare, as (label, command)."""
    encoder, width, stem, size, batch, *small = CASES[case]
    shared = ["--encoder", encoder, "--width", str(width), "--stem", stem, "--size", str(size), "--batch", str(batch),
              "--threads", str(o.threads), "--seconds", str(o.seconds)]
    if small:
        shared += ["--local-views", str(small[0]), "--local-size", str(small[1])]
    limit = ["--processor", o.processor] if o.processor else []
    ours = [
        (f"byol {p}", [str(o.byol), "benchmark", "step", *shared, *limit, "--precision", p, "--json"])
        for p in o.precisions.split(",")
    ]
    peers = [
        (f"PyTorch {p}", [python, str(HERE / "step_torch.py"), *shared, "--precision", p])
        for p in o.peer_precisions.split(",")
    ]
    return ours + peers


def run(command, limit=None):
    """The last line of the program's output, as JSON."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | (limit or {}))
    if done.returncode:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}.")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(o, python, case):
    """For each program, the results of all rounds."""
    results = {}
    for number in range(o.rounds):
        for label, command in commands(o, python, case):
            result = run(command, LIMITS.get(o.processor))
            results.setdefault(label, []).append(result)
            print(f"{case}, round {number + 1}: {label}: "
                  f"{result['images_per_second']:.1f} images/s", file=sys.stderr)
    return results


def summary(results):
    """Medians over the rounds, the spread, and the peer that the ratios refer to."""
    rows = {}
    for label, rounds in results.items():
        rates = [r["images_per_second"] for r in rounds]
        rows[label] = {
            "rate": statistics.median(rates), "low": min(rates), "high": max(rates),
            "memory": statistics.median(r["peak_memory_bytes"] for r in rounds),
            "step": statistics.median(r["step_seconds"] for r in rounds),
        }
    return rows


def table(case, rows):
    encoder, width, stem, size, batch, *small = CASES[case]
    crops = f", {small[0]} small views of {small[1]} px" if small else ""
    best = max((l for l in rows if l.startswith("PyTorch")), key=lambda l: rows[l]["rate"])
    same = rows.get("PyTorch float32", rows[best])
    lines = [
        f"### {encoder}{f' ×{width}' if width != 1 else ''}, {stem} stem, {size} px, batch {batch}{crops}", "",
        "| program | images/s (lowest–highest round) | step, s | × PyTorch float32 | × best PyTorch "
        "| peak memory, MiB | × memory of best PyTorch |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, row in rows.items():
        lines.append(
            f"| {label} | {row['rate']:.1f} ({row['low']:.1f}–{row['high']:.1f}) "
            f"| {row['step']:.3f} | {row['rate'] / same['rate']:.2f} "
            f"| {row['rate'] / rows[best]['rate']:.2f} | {row['memory'] / 2**20:.0f} "
            f"| {row['memory'] / rows[best]['memory']:.2f} |")
    return "\n".join(lines)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    """The checkout's commit, shortened."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()


def report(o, python, tables):
    torch = subprocess.run(
        [python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    return "\n\n".join([
        "# One update, against PyTorch",
        "Two views through both networks, loss, gradient, LARS, the target's move; pictures drawn "
        "beforehand. Images per second count pictures, each of which is two views. Written by "
        "`Benchmarks/bench.py`; run it again on your machine.",
        f"{datetime.date.today()} · {processor()}, {o.threads} threads"
        f"{f' · both limited to {o.processor}' if o.processor else ''} · commit "
        f"{commit()} · torch {torch.stdout.strip()} (channels last; bfloat16 is "
        f"autocast) · {o.rounds} rounds of {o.seconds:g} s each, the programs in turn.",
        *tables,
    ]) + "\n"


def main():
    o = options()
    if not o.byol.exists():
        sys.exit(f"{o.byol} is missing: swift build -c release")
    python = interpreter(o)
    tables = []
    for case in o.cases.split(","):
        tables.append(table(case, summary(measure(o, python, case))))
        print(tables[-1], flush=True)
    o.output.parent.mkdir(parents=True, exist_ok=True)
    o.output.write_text(report(o, python, tables))
    print(f"Written to {o.output}", file=sys.stderr)


if __name__ == "__main__":
    main()
