#!/usr/bin/env python3
"""k-NN of models on test pictures against the minutes that their training took, as a table and a plot.

    byol train --pictures FOLDER --output RUN --minutes 5
    python3 Benchmarks/quality.py --run EuroSAT=RUN --output docs/benchmarks/quality

adds the last model of each RUN to OUTPUT.csv, with the best of the baselines that cost nothing, and draws OUTPUT.svg from the
whole table. The minutes are those from the run's recipe, which is written when training begins, to its last checkpoint;
`--minutes` says others, such as those of the same updates on a machine that did nothing else. Without `--run` it only draws.
Each point is a run that was given so many minutes; its learning rate falls to nothing at their end.
"""

import argparse
import csv
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runs  # noqa: E402

COLOURS = ["#1f6feb", "#d1242f", "#1a7f37", "#8250df"]


COLUMNS = ["set", "minutes", "updates", "knn_20", "what"]


def measure(byol, name, folder, minutes):
    """The rows of a run's last model: itself, and the best of what costs nothing."""
    step, report = runs.evaluate(byol, folder, "knn-20")
    if minutes is None:
        place = folder / "checkpoints" / str(step)
        minutes = (os.stat(place).st_mtime - os.stat(folder / "recipe.json").st_mtime) / 60
    figures = {row["subject"]: row["accuracies"][0]["top1"] for row in report["rows"]}
    model = figures.pop("model")
    subject, best = max(figures.items(), key=lambda item: item[1])
    return [[name, f"{minutes:.2f}", step, f"{model:.4f}", "model"], [name, "", "", f"{best:.4f}", subject]]


def read(path):
    """{set: ([(minutes, accuracy)], (subject, accuracy) of the best baseline)}, points by time."""
    series = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            found, baseline = series.setdefault(row["set"], ([], []))
            value = float(row["knn_20"])
            if row["what"] == "model":
                found.append((float(row["minutes"]), value))
            else:
                baseline.append((value, row["what"]))
    return {name: (sorted(found), max(baseline)) for name, (found, baseline) in series.items()}


def plot(series):
    """An SVG of what `read` gives."""
    width, height, left, bottom, top, right = 720, 360, 56, 44, 16, 190
    longest = max(minutes for found, _ in series.values() for minutes, _ in found)
    least = min(min(v for _, v in found + [(0, baseline[0])]) for found, baseline in series.values())
    low, high = max(0.0, int(least * 10) / 10), 1.0

    def x(minutes):
        return left + minutes / longest * (width - left - right)

    def y(value):
        return top + (high - value) / (high - low) * (height - top - bottom)

    def text(x, y, words, more=""):
        return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{words}</text>'

    def line(value, more):
        return f'<line x1="{left}" x2="{width - right}" y1="{y(value):.1f}" y2="{y(value):.1f}" {more}/>'

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for tenth in range(round(low * 10), 11):
        parts += [line(tenth / 10, 'stroke="#d0d7de"'),
                  text(left - 8, y(tenth / 10) + 4, f"{tenth * 10} %", 'text-anchor="end"')]
    for minute in range(0, int(longest) + 1, 5 if longest > 8 else 1):
        parts.append(text(x(minute), height - bottom + 20, minute, 'text-anchor="middle"'))
    parts.append(text((left + width - right) / 2, height - 6, "minutes of training", 'text-anchor="middle"'))
    for (name, (found, (best, subject))), colour in zip(series.items(), COLOURS):
        # The line goes through the mean of the seeds, the dots are the runs.
        times = sorted({minutes for minutes, _ in found})
        means = [(time, statistics.mean(value for minutes, value in found if minutes == time)) for time in times]
        path = " ".join(f"{x(minutes):.1f},{y(value):.1f}" for minutes, value in means)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x(m):.1f}" cy="{y(v):.1f}" r="3" fill="{colour}"/>' for m, v in found]
        side = f'fill="{colour}"'
        parts += [text(width - right + 8, y(found[-1][1]) + 4, f"{name} {100 * found[-1][1]:.1f} %", side),
                  line(best, f'stroke="{colour}" stroke-dasharray="5 4"'),
                  text(width - right + 8, y(best) + 4, f"{subject.replace('_', ' ')} {100 * best:.1f} %", side + ' font-size="11"')]
    return "\n".join(parts + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="NAME=FOLDER", help="a run to add")
    parser.add_argument("--minutes", type=float, help="its minutes, where the clock of this run does not count")
    parser.add_argument("--byol", default=runs.BYOL)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    o = parser.parse_args()
    table = o.output.with_suffix(".csv")
    if o.run:
        name, _, folder = o.run.partition("=")
        rows = measure(o.byol, name, pathlib.Path(folder), o.minutes)
        is_new = not table.exists()
        with open(table, "a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(([COLUMNS] if is_new else []) + rows)
    o.output.with_suffix(".svg").write_text(plot(read(table)))


if __name__ == "__main__":
    main()
