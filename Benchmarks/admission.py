#!/usr/bin/env python3
"""Runs `byol benchmark admission` on drawn JPEGs of two sizes, and writes a table.

    swift build -c release
    python3 Benchmarks/admission.py [--rounds 3] [--seconds 5]

The JPEGs have soft shapes and some noise, quality 90, 4:2:0, and are drawn in the virtual environment of bench.py into
tar archives in a folder of their own, which is removed.
"""

import argparse
import datetime
import io
import pathlib
import statistics
import subprocess
import sys
import tarfile
import tempfile

from bench import ROOT, commit, interpreter, processor, run

# Width, height, number of pictures, pictures a second to reach.
CASES = [(64, 64, 10_000, 1500), (1152, 864, 200, 150)]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--byol", type=pathlib.Path, default=ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/byol-bench")
    parser.add_argument("--python", help="the interpreter of an environment that has Pillow and numpy")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="measured in each run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/benchmarks/admission.md")
    parser.add_argument("--draw", nargs=4, metavar=("WIDTH", "HEIGHT", "COUNT", "FILE"),
                        help="write the archive and measure nothing")
    return parser.parse_args()


def draw(width, height, count, file):
    import numpy
    from PIL import Image
    random = numpy.random.default_rng(1)
    with tarfile.open(file, "w") as archive:
        for number in range(count):
            coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=numpy.uint8))
            picture = numpy.asarray(coarse.resize((width, height), Image.BICUBIC), dtype=numpy.int16)
            picture = picture + random.integers(-12, 13, picture.shape, dtype=numpy.int16)
            data = io.BytesIO()
            Image.fromarray(picture.clip(0, 255).astype(numpy.uint8)).save(data, "JPEG", quality=90)
            entry = tarfile.TarInfo(f"train/{number % 10}/{number}.jpg")
            entry.size = len(data.getvalue())
            archive.addfile(entry, io.BytesIO(data.getvalue()))


def main():
    o = options()
    if o.draw:
        width, height, count, file = o.draw
        return draw(int(width), int(height), int(count), file)
    python, rows = interpreter(o), []
    with tempfile.TemporaryDirectory() as folder:
        for width, height, count, wanted in CASES:
            file = pathlib.Path(folder) / f"{width}.tar"
            subprocess.run([python, __file__, "--draw", *map(str, (width, height, count, file))], check=True)
            rates = []
            for _ in range(o.rounds):
                result = run([str(o.byol), "benchmark", "admission", "--input", str(file), "--threads",
                              str(o.threads), "--seconds", str(o.seconds), "--json"])
                rates.append(result["pictures_per_second"])
                print(f"{width} x {height}: {rates[-1]:.0f} pictures/s", file=sys.stderr)
            rows.append(
                f"| {width} × {height}, {file.stat().st_size // count / 1000:.0f} kB | {count:,} "
                f"| {statistics.median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) | {wanted:,} "
                f"| {result['peak_memory_bytes'] >> 20} MiB |")
    page = "\n".join([
        "# Admission of JPEGs", "",
        "A tar of drawn JPEGs (soft shapes and some noise, quality 90, 4:2:0) read, decoded, judged, scaled down to a short",
        f"side of 512 pixels where it is longer, and written to a pack on the disk, by {o.threads} threads. Medians of the rounds",
        "(lowest–highest).", "",
        "| JPEG | pictures | pictures/s | to reach | memory at most |", "|---|---|---|---|---|", *rows, "",
        f"{processor()}, {datetime.date.today()}, commit {commit()}; "
        f"{o.rounds} rounds of {o.seconds:g} s.", "",
        "`python3 Benchmarks/admission.py` measures again; `make bench` calls it.", ""])
    o.output.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
