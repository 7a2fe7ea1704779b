#!/usr/bin/env python3
"""Reruns a published claim about BYOL with a network and a length that fit hours on two cores.

    python3 Benchmarks/article/article.py --table target --set eurosat=FOLDER --work /tmp/article

The claims are the tables of `tables.json`, with the published figures beside ours. FOLDER holds `train/<class>/…`; a hold-out
is cut from it, and nothing else is read. Every row is trained with every seed for as many updates, from the same settings but
for the row's flags: BYOL as in the paper (no negatives, the paper's views, the plain representation), ResNet-18 of a quarter
of the width, crops of 32 pixels. Nothing was tuned to an answer. A run that is in `WORK/results.jsonl` is not made again.

The table has k-NN (k = 20) and the linear probe on the hold-out in percent, mean ± deviation over the seeds.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import runs  # noqa: E402

PROTOCOLS = ["knn-20", "linear"]
SETTINGS = ["--preset", "small", "--width", "0.25", "--image-size", "32", "--embedding-size", "64", "--embedding",
            "representation", "--negatives-weight", "0", "--tau-schedule", "constant"]
# The paper's views (appendix B); the preset `small` has milder ones.
VIEWS = {"crop-area": "0.08,1", "brightness": "0.4", "contrast": "0.4", "saturation": "0.2", "hue": "0.1",
         "grayscale-probability": "0.2"}
ONE_VIEW = {"first": {"blur-probability": "1", "solarize-probability": "0"},
            "second": {"blur-probability": "0.1", "solarize-probability": "0.2"}}
# What a row may take away of them.
REMOVED = {"GRAYSCALE": {"grayscale-probability": "0"},
           "COLOUR": {"brightness": "0", "contrast": "0", "saturation": "0", "hue": "0"},
           "BLUR": {"blur-probability": "0", "solarize-probability": "0"},
           "FLIP": {"flip-probability": "0"}}


def arguments(tables):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, choices=tables)
    parser.add_argument("--set", required=True, metavar="NAME=FOLDER", dest="pictures")
    parser.add_argument("--other", metavar="NAME=FOLDER", help="where `transfer` judges")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where splits, runs and results are kept")
    parser.add_argument("--updates", type=int, default=600, help="updates of a run at a batch of 256")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--byol", default=runs.BYOL)
    parser.add_argument("--output", type=pathlib.Path, help="the folder of the tables; by default WORK")
    o = parser.parse_args()
    if tables[o.table].get("other") and not o.other:
        parser.error("the table transfer needs --other")
    return o


def views(removed):
    flags = []
    for view, own in ONE_VIEW.items():
        settings = VIEWS | own
        for name in removed:
            settings |= REMOVED[name]
        flags += [part for key, value in settings.items() for part in (f"--augmentations.{view}.{key}", value)]
    return flags


def flags(o, row, seed):
    removed = [flag for flag in row["flags"] if flag in REMOVED]
    own = [flag for flag in row["flags"] if flag not in REMOVED]
    settings = SETTINGS + ["--updates", str(o.updates * row.get("updates", 1)), "--seed", str(seed)] + own
    # A row's own value takes the place of the common one: a flag is given once.
    chosen = dict(zip(settings[::2], settings[1::2]))
    return views(removed) + [part for pair in chosen.items() for part in pair]


def measured(o, results, name, row, seed, folder, other, baselines):
    wanted = (o.table, o.pictures.partition("=")[0], name, o.updates, seed)
    if wanted in results:
        return results[wanted]
    run = o.work / "runs" / f"{o.table}-{seed}"
    seconds = runs.train(o.byol, folder, run, flags(o, row, seed))
    dataset = None
    if other:
        dataset = admitted(o, other)
    _, report = runs.evaluate(o.byol, run, ",".join(PROTOCOLS), dataset, baselines)
    result = dict(zip(("table", "set", "row", "updates", "seed"), wanted))
    result |= {"seconds": round(seconds, 1), "report": report}
    with open(o.work / "results.jsonl", "a") as file:
        file.write(json.dumps(result) + "\n")
    shutil.rmtree(run)
    results[wanted] = result
    shown = " / ".join(f"{value:.1f}" for value in figures(result))
    print(f"{name}, seed {seed}: {shown} %, {seconds:.0f} s", file=sys.stderr, flush=True)
    return result


def admitted(o, folder):
    """The other set's pictures as a dataset: admitted with a run of one update."""
    place = o.work / "other"
    if not (place / "dataset").exists():
        runs.train(o.byol, folder, place, ["--updates", "1", "--width", "0.25"])
    return place / "dataset"


def figures(result, subject="model"):
    row = next(row for row in result["report"]["rows"] if row["subject"] == subject)
    return [100 * accuracy["top1"] for accuracy in row["accuracies"]]


def cell(values):
    if len(values) < 2:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"


def table(o, found, spec):
    name = o.pictures.partition("=")[0]
    judged = f", judged on {o.other.partition('=')[0]}" if spec.get("other") else ""
    count = "1 seed" if o.seeds == 1 else f"{o.seeds} seeds"
    lines = [f"# {spec['title']}", "", spec["claim"], "",
             f"{name}{judged}: ResNet-18 × 0.25, crops of 32 px, {o.updates} updates of 256 pictures, {count}; hold-out "
             f"of the training pictures. {runs.processor()}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d')}. Written "
             f"by `make article TABLE={o.table}`.", "",
             "| | k-NN (20), % | linear probe, % | published: ImageNet top-1, ResNet-50, 300 epochs |", "|---|---|---|---|"]
    for row, results in found.items():
        subject = "model" if spec["rows"][row].get("flags") is not None else "random_network"
        columns = zip(*(figures(result, subject) for result in results))
        published = spec["rows"][row].get("published", "")
        lines.append(f"| {row} | " + " | ".join(cell(list(column)) for column in columns) + f" | {published} |")
    output = (o.output or o.work) / f"{o.table}.md"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n")
    print(output.read_text())


def main():
    tables = json.loads((HERE / "tables.json").read_text())
    o = arguments(tables)
    spec = tables[o.table]
    o.work.mkdir(parents=True, exist_ok=True)
    folder = runs.split(*o.pictures.split("=", 1), o.work)
    other = runs.split(*o.other.split("=", 1), o.work) if spec.get("other") else None
    path = o.work / "results.jsonl"
    stored = map(json.loads, path.read_text().splitlines()) if path.exists() else []
    results = {tuple(r[key] for key in ("table", "set", "row", "updates", "seed")): r for r in stored}
    trained = {name: row for name, row in spec["rows"].items() if row.get("flags") is not None}
    # Seed by seed, so that a study that is stopped early has whole columns.
    first = next(iter(trained))

    def result(name, seed):
        # What costs nothing is judged once for a seed; the random network's weights are those of the seed.
        return measured(o, results, name, trained[name], seed, folder, other, name == first)

    for seed in range(o.seeds):
        for name in trained:
            result(name, seed)
    table(o, {name: [result(name if name in trained else first, seed) for seed in range(o.seeds)]
              for name in spec["rows"]}, spec)


if __name__ == "__main__":
    main()
