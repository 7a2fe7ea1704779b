#!/usr/bin/env python3
"""Times one update of two builds of this product in turn: has a change cost speed or memory?

    git worktree add /tmp/before COMMIT && (cd /tmp/before && swift build -c release --product byol)
    swift build -c release --product byol
    python3 Benchmarks/before_after.py --before /tmp/before/.build/release/byol [--rounds 7] [--output FILE]

Each round runs every build once, in an order that changes from round to round; the table has the medians and the ratio.
"""

import argparse
import datetime
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runs  # noqa: E402

CASES = {
    "ResNet-18, CIFAR stem, 32 px, batch 64": ["--encoder", "resnet18", "--stem", "cifar", "--size", "32", "--batch", "64"],
    "ResNet-18, 64 px, batch 256": ["--encoder", "resnet18", "--stem", "imagenet", "--size", "64", "--batch", "256"],
    "ResNet-50, 224 px, batch 16": ["--encoder", "resnet50", "--stem", "imagenet", "--size", "224", "--batch", "16"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True)
    parser.add_argument("--after", default=runs.BYOL)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--precisions", default="bfloat16,float32")
    parser.add_argument("--output", type=pathlib.Path)
    o = parser.parse_args()
    lines = [f"{runs.processor()}, {datetime.date.today()}, {o.rounds} rounds, medians.", "",
             "| update | precision | before, img/s | after, img/s | after / before | memory, after / before |", "|---|---|---|---|---|---|"]
    for name, flags in CASES.items():
        for precision in o.precisions.split(","):
            found = {"before": [], "after": []}
            for number in range(o.rounds):
                for which in ("before", "after") if number % 2 == 0 else ("after", "before"):
                    command = [getattr(o, which), "benchmark", "step", *flags, "--precision", precision, "--seconds",
                               str(o.seconds), "--json"]
                    found[which].append(json.loads(runs.finish(command)))
            speed = {w: statistics.median(r["images_per_second"] for r in found[w]) for w in found}
            memory = {w: statistics.median(r["peak_memory_bytes"] for r in found[w]) for w in found}
            lines.append(f"| {name} | {precision} | {speed['before']:.1f} | {speed['after']:.1f} | "
                         f"{speed['after'] / speed['before']:.3f} | {memory['after'] / memory['before']:.3f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    text = "\n".join(lines) + "\n"
    if o.output:
        o.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
