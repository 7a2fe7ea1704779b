#!/usr/bin/env python3
"""Runs `byol benchmark views` and lightly's BYOLTransform in turn on one core, and writes a table.

    swift build -c release
    python3 Benchmarks/views.py [--rounds 3] [--seconds 6]

The peer runs in the virtual environment of bench.py, with lightly in it. Both read the same JPEG, drawn by
views_lightly.py, decode it and make both views; each round runs every program once, the table has medians.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from bench import HERE, ROOT, commit, interpreter, processor, run

# Side of the JPEG, side of the views, the ratio to reach.
CASES = [(400, 224, 6), (32, 32, 20)]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--byol", type=pathlib.Path, default=ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/byol-bench")
    parser.add_argument("--python", help="the interpreter of an environment that has lightly")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6, help="measured in each run")
    parser.add_argument("--core", type=int, default=0, help="the core that both run on")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/views.md")
    return parser.parse_args()


def peer(o):
    python = interpreter(o)
    if subprocess.run([python, "-c", "import lightly"], capture_output=True).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "lightly"], check=True)
    return python


def measure(o, python, folder, picture, size):
    """Pictures a second of both programs, a list each."""
    file = str(folder / f"{picture}.jpg")
    shared = ["taskset", "-c", str(o.core)]
    script = [python, str(HERE / "views_lightly.py"), "--picture", str(picture), "--size", str(size)]
    subprocess.run([*script, "--write", file], check=True)
    programs = {
        "byol": [*shared, str(o.byol), "benchmark", "views", "--input", file, "--size", str(size),
                 "--seconds", str(o.seconds), "--json"],
        "lightly": [*shared, *script, "--seconds", str(o.seconds)],
    }
    rates = {name: [] for name in programs}
    for _ in range(o.rounds):
        for name, command in programs.items():
            result = run(command)
            rates[name].append(result["images_per_second"])
            print(f"{picture} px to {size}: {name}: {rates[name][-1]:.0f} pictures/s", file=sys.stderr)
    return rates


def main():
    o = options()
    python = peer(o)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for picture, size, wanted in CASES:
            rates = measure(o, python, pathlib.Path(folder), picture, size)
            ours, theirs = (statistics.median(rates[name]) for name in ("byol", "lightly"))
            spread = {name: f"{min(r):.0f}–{max(r):.0f}" for name, r in rates.items()}
            rows.append(
                f"| {picture} px JPEG, views of {size} px | {ours:.0f} ({spread['byol']}) "
                f"| {theirs:.0f} ({spread['lightly']}) | {ours / theirs:.1f} | {wanted} |")
    version = subprocess.run(
        [python, "-c", "import lightly, torch, PIL; print(f'lightly {lightly.__version__}, torch "
         "{torch.__version__}, Pillow {PIL.__version__}')"], capture_output=True, text=True)
    page = "\n".join([
        "# Two views of a picture, against lightly", "",
        "Decoding a JPEG in memory and making both views with the paper's augmentations, float32 and",
        "normalised, on one core. A picture counts once. Medians of the rounds (lowest–highest).", "",
        "| work | byol, pictures/s | lightly, pictures/s | ratio | to reach |", "|---|---|---|---|---|",
        *rows, "",
        f"{processor()}, {datetime.date.today()}, commit {commit()}, "
        f"{version.stdout.strip()}; {o.rounds} rounds of {o.seconds:g} s.", "",
        "`python3 Benchmarks/views.py` measures again; `make bench` calls it.", ""])
    o.output.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
