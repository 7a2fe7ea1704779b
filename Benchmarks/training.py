#!/usr/bin/env python3
"""Runs `byol train` and lightly's BYOL in turn on a folder of JPEGs, and prints and writes a table.

    swift build -c release
    python3 Benchmarks/training.py --pictures eurosat.tar.gz

The pictures are an archive or a folder of small JPEGs; a part of them is laid out in a folder for both programs. Decoding,
augmentation, the update, all is in the time, once it runs steadily: lightly from the end of the first epoch, byol from
its first report of progress to the last.
"""

import argparse
import datetime
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

import bench

PROGRESS = re.compile(r"^step (\d+)/(\d+) ")


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=2560, help="pictures to train on")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--workers", default="1,2", help="the peer's loading processes, each tried")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--byol", type=pathlib.Path, default=bench.ROOT / ".build/release/byol")
    parser.add_argument("--environment", type=pathlib.Path,
                        default=pathlib.Path.home() / ".cache/byol-bench")
    parser.add_argument("--python", help="the interpreter of an environment that has lightly")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=pathlib.Path,
                        default=bench.ROOT / "docs/benchmarks/training.md")
    return parser.parse_args()


def lay_out(source, folder, count):
    """Copies `count` JPEGs, spread evenly over those of an archive or folder, into `folder`."""
    if source.is_dir():
        every = sorted(source.rglob("*.jpg"))
        for index, file in enumerate(every[:: max(1, len(every) // count)][:count]):
            (folder / f"{index}.jpg").write_bytes(file.read_bytes())
        return
    with tarfile.open(source) as archive:
        every = [m for m in archive if m.isfile() and m.name.endswith(".jpg")]
        for index, member in enumerate(every[:: max(1, len(every) // count)][:count]):
            (folder / f"{index}.jpg").write_bytes(archive.extractfile(member).read())


def train(o, pictures):
    """Pictures a second of `byol train`, from its first line of progress to its last."""
    with tempfile.TemporaryDirectory() as output:
        command = [
            str(o.byol), "train", "--pictures", str(pictures), "--output", f"{output}/run",
            "--epochs", str(o.epochs), "--batch-size", str(o.batch), "--image-size", str(o.size),
            "--preset", "imagenette", "--architecture", "resnet18", "--stem", "imagenet", "--hidden", "4096",
            "--threads", str(o.threads)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        marks = []
        for line in process.stderr:
            if found := PROGRESS.match(line):
                marks.append((int(found[1]), time.perf_counter()))
        if process.wait() or len(marks) < 2:
            sys.exit(f"{' '.join(command)} did not train.")
    (first, began), (last, ended) = marks[0], marks[-1]
    return {"images_per_second": (last - first) * o.batch / (ended - began)}


def main():
    o = options()
    python = bench.interpreter(o, ["torch", "torchvision", "lightly"])
    with tempfile.TemporaryDirectory() as folder:
        pictures = pathlib.Path(folder) / "pictures"
        pictures.mkdir()
        lay_out(o.pictures, pictures, o.count)
        results = {}
        for number in range(o.rounds):
            turns = {"byol": lambda: train(o, pictures)}
            for workers in o.workers.split(","):
                command = [
                    python, str(bench.HERE / "training_lightly.py"), "--pictures", str(pictures),
                    "--size", str(o.size), "--batch", str(o.batch), "--workers", workers,
                    "--threads", str(o.threads), "--epochs", str(o.epochs)]
                turns[f"lightly, {workers} loading"] = lambda c=command: bench.run(c)
            for label, turn in turns.items():
                result = turn()
                results.setdefault(label, []).append(result)
                print(f"round {number + 1}: {label}: {result['images_per_second']:.1f} images/s",
                      file=sys.stderr)
    write(o, results)


def write(o, results):
    rates = {l: statistics.median(r["images_per_second"] for r in rs) for l, rs in results.items()}
    best = max((l for l in rates if l != "byol"), key=rates.get)
    peer = results[best][0]
    lines = ["| program | images/s (lowest–highest round) | × best of lightly |", "|---|---|---|"]
    for label, rounds in results.items():
        each = [r["images_per_second"] for r in rounds]
        lines.append(f"| {label} | {rates[label]:.1f} ({min(each):.1f}–{max(each):.1f}) "
                     f"| {rates[label] / rates[best]:.2f} |")
    text = "\n\n".join([
        "# A whole training, against lightly",
        f"ResNet-18 on a folder of {o.count} JPEGs, views of {o.size} px, batch {o.batch}, hidden layers of 4096: "
        "decoding, augmentation and update, once they run steadily. Images per second count pictures, each of which "
        "is two views. lightly's BYOL example in bfloat16 autocast and channels last, with each number of loading "
        "processes tried. Written by `Benchmarks/training.py`; run it again on your machine.",
        f"{datetime.date.today()} · {bench.processor()}, {o.threads} threads · commit {bench.commit()} · lightly "
        f"{peer['version']}, torch {peer['torch']} · {o.rounds} rounds of {o.epochs} epochs, the programs in turn.",
        "\n".join(lines)]) + "\n"
    o.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
