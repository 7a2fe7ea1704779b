#!/usr/bin/env python3
"""k-NN of a run's checkpoints on its test pictures against the minutes that training them took, as a plot.

    byol train --pictures FOLDER --output RUN --minutes 20 --keep-checkpoints 100
    python3 Benchmarks/quality.py --run EuroSAT=RUN --run CIFAR-10=RUN --output docs/benchmarks/quality

writes OUTPUT.csv and OUTPUT.svg. A checkpoint's time is that of its folder, counted from the run's recipe, which is
written when training begins. One point is one model as it was at that minute of a run whose schedule ends later: a run
that is given only so many minutes does better. Dashed: the best of the baselines that cost nothing, at the last model.
"""

import argparse
import csv
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runs  # noqa: E402

COLOURS = ["#1f6feb", "#d1242f", "#1a7f37", "#8250df"]


def points(byol, folder):
    """[(minutes, updates, accuracy)] of the checkpoints, and the baselines by name."""
    began = os.stat(folder / "recipe.json").st_mtime
    steps = sorted(int(p.name) for p in (folder / "checkpoints").iterdir() if p.name.isdigit())
    found, baselines = [], {}
    for step in steps:
        place = folder / "checkpoints" / str(step)
        command = [byol, "evaluate", "--model", str(place / "model.safetensors"), "--dataset", str(folder / "dataset"),
                   "--protocols", "knn-20", "--json"]
        report = json.loads(runs.finish(command + ([] if step == steps[-1] else ["--without-baselines"])))
        rows = {row["subject"]: row["accuracies"][0]["top1"] for row in report["rows"]}
        found.append(((os.stat(place).st_mtime - began) / 60, step, rows.pop("model")))
        baselines = rows or baselines
        print(f"{folder.name}: {found[-1][0]:.1f} min, {100 * found[-1][2]:.1f} %", file=sys.stderr, flush=True)
    return found, baselines


def plot(series):
    """An SVG of {name: (points, baselines)}."""
    width, height, left, bottom, top, right = 720, 360, 56, 44, 16, 150
    longest = max(p[0] for found, _ in series.values() for p in found)
    least = min(min(p[2] for p in found) for found, _ in series.values())
    least = min(least, min(max(b.values()) for _, b in series.values() if b))
    low, high = max(0.0, least - 0.05), 1.0

    def x(minutes):
        return left + minutes / longest * (width - left - right)

    def y(value):
        return top + (high - value) / (high - low) * (height - top - bottom)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for tenth in range(int(low * 10), 11):
        value = tenth / 10
        if low <= value <= high:
            parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d0d7de"/>'
                         f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for minute in range(0, int(longest) + 1, 5 if longest > 8 else 1):
        parts.append(f'<text x="{x(minute):.1f}" y="{height - bottom + 20}" text-anchor="middle">{minute}</text>')
    parts.append(f'<text x="{(left + width - right) / 2}" y="{height - 6}" text-anchor="middle">minutes of training</text>')
    for (name, (found, baselines)), colour in zip(series.items(), COLOURS):
        line = " ".join(f"{x(minutes):.1f},{y(value):.1f}" for minutes, _, value in found)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(m):.1f}" cy="{y(v):.1f}" r="3" fill="{colour}"/>' for m, _, v in found]
        parts.append(f'<text x="{width - right + 8}" y="{y(found[-1][2]) + 4:.1f}" fill="{colour}">{name} '
                     f'{100 * found[-1][2]:.1f} %</text>')
        if baselines:
            subject, best = max(baselines.items(), key=lambda item: item[1])
            parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y(best):.1f}" y2="{y(best):.1f}" stroke="{colour}" '
                         f'stroke-dasharray="5 4"/><text x="{width - right + 8}" y="{y(best) + 18:.1f}" fill="{colour}" '
                         f'font-size="11">{subject.replace("_", " ")} {100 * best:.1f} %</text>')
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER", dest="runs")
    parser.add_argument("--byol", default=runs.BYOL)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    o = parser.parse_args()
    series = {}
    for text in o.runs:
        name, _, folder = text.partition("=")
        series[name] = points(o.byol, pathlib.Path(folder))
    with open(o.output.with_suffix(".csv"), "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["set", "minutes", "updates", "knn_20"])
        for name, (found, _) in series.items():
            table.writerows([name, f"{minutes:.2f}", step, f"{value:.4f}"] for minutes, step, value in found)
    o.output.with_suffix(".svg").write_text(plot(series))


if __name__ == "__main__":
    main()
