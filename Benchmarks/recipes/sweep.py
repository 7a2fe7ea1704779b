#!/usr/bin/env python3
"""Finds the recipe of runs of minutes: recipes × sets of pictures × seeds, by successive halving, into one table.

    python3 Benchmarks/recipes/sweep.py --set eurosat=FOLDER --set cifar10=FOLDER --work /tmp/sweep

Each FOLDER holds `train/<class>/…`; nothing else of it is read, so that a test half stays unseen. A hold-out is cut from
`train`: every sixth picture of a class, or fewer where that would be more than 2,000. A recipe is a line of `recipes.json`
beside this file: flags of `byol train`. Every recipe runs for the first length on every set; the better half by mean rank
runs for the next length, and so on. A result that is in `WORK/results.jsonl` is not computed again: the sweep can be
stopped at any time and goes on where it was. Run nothing else meanwhile: lengths are minutes of the clock.

The table has k-NN of the whole embedding on the hold-out, mean and range over the seeds, in percent, and the baselines that
cost nothing.
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


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", required=True, metavar="NAME=FOLDER", dest="sets")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where splits, runs and results are kept")
    parser.add_argument("--recipes", type=pathlib.Path, default=HERE / "recipes.json")
    parser.add_argument("--only", help="names of recipes, separated by commas")
    parser.add_argument("--minutes", default="1,3,9", help="the lengths, separated by commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--byol", default=runs.BYOL)
    parser.add_argument("--output", type=pathlib.Path, help="the table; by default WORK/table.md")
    o = parser.parse_args()
    o.lengths = [float(length) for length in o.minutes.split(",")]
    return o


def key(result):
    return tuple(result[name] for name in ("recipe", "set", "minutes", "seed"))


def measured(o, results, recipe, flags, name, folder, minutes, seed):
    wanted = (recipe, name, minutes, seed)
    if wanted in results:
        return results[wanted]
    run = o.work / "runs" / f"{recipe}-{name}-{minutes:g}-{seed}"
    seconds = runs.train(o.byol, folder, run, ["--seed", str(seed), "--minutes", str(minutes), *flags])
    updates, report = runs.evaluate(o.byol, run, "knn-20")
    result = dict(zip(("recipe", "set", "minutes", "seed"), wanted))
    result |= {"seconds": round(seconds, 1), "updates": updates, "report": report}
    with open(o.work / "results.jsonl", "a") as file:
        file.write(json.dumps(result) + "\n")
    shutil.rmtree(run)
    print(f"{recipe} on {name}, {minutes:g} min, seed {seed}: {accuracy(result):.1f} %", file=sys.stderr, flush=True)
    results[wanted] = result
    return result


def rows(result):
    """k-NN by the name of what is judged, in percent; the model first."""
    return {row["subject"].replace("_", " "): 100 * row["accuracies"][0]["top1"] for row in result["report"]["rows"]}


def accuracy(result):
    return next(iter(rows(result).values()))


def mean_ranks(scores):
    """Recipe → mean over the sets of its rank, 1 for the best."""
    ranks = {recipe: [] for recipe in scores}
    for name in next(iter(scores.values())):
        order = sorted(scores, key=lambda recipe: -scores[recipe][name])
        for rank, recipe in enumerate(order, 1):
            ranks[recipe].append(rank)
    return {recipe: statistics.mean(r) for recipe, r in ranks.items()}


def cell(results):
    values = [accuracy(result) for result in results]
    text = f"{statistics.mean(values):.1f}"
    return text if len(values) == 1 else f"{text} ({min(values):.1f} … {max(values):.1f})"


def table(o, sets, levels, results):
    lines = ["# Recipes of runs of minutes", "",
             f"k-NN (k = 20) of the embedding on a hold-out of the training pictures, in percent; {o.seeds} seed(s). "
             f"{runs.processor()}, {os.cpu_count()} processors, {time.strftime('%Y-%m-%d')}. Written by "
             "`Benchmarks/recipes/sweep.py`; run it again on your machine.", ""]
    for minutes, names in levels:
        lines += [f"## {minutes:g} minutes", "", "| recipe | " + " | ".join(sets) + " |", "|---" * (1 + len(sets)) + "|"]
        for recipe in names:
            cells = [cell([results[recipe, s, minutes, seed] for seed in range(o.seeds)]) for s in sets]
            lines.append(f"| {recipe} | " + " | ".join(cells) + " |")
        first = {s: rows(results[names[0], s, minutes, 0]) for s in sets}
        for baseline in list(next(iter(first.values())))[1:]:
            lines.append(f"| *{baseline}* | " + " | ".join(f"{first[s][baseline]:.1f}" for s in sets) + " |")
        lines.append("")
    output = o.output or o.work / "table.md"
    output.write_text("\n".join(lines))
    print(output.read_text())


def main():
    o = arguments()
    recipes = json.loads(o.recipes.read_text())
    names = o.only.split(",") if o.only else list(recipes)
    if unknown := [name for name in names if name not in recipes]:
        sys.exit(f"{o.recipes} has no {unknown[0]}; it has {', '.join(recipes)}.")
    o.work.mkdir(parents=True, exist_ok=True)
    sets = {}
    for text in o.sets:
        name, _, folder = text.partition("=")
        sets[name] = runs.split(name, folder, o.work)
    path = o.work / "results.jsonl"
    results = {key(r): r for r in map(json.loads, path.read_text().splitlines())} if path.exists() else {}
    levels = []
    for minutes in o.lengths:
        scores = {}
        for recipe in names:
            scores[recipe] = {
                name: statistics.mean(
                    accuracy(measured(o, results, recipe, recipes[recipe], name, folder, minutes, seed))
                    for seed in range(o.seeds))
                for name, folder in sets.items()}
        ranks = mean_ranks(scores)
        names = sorted(names, key=lambda recipe: ranks[recipe])
        levels.append((minutes, names))
        table(o, list(sets), levels, results)
        names = names[:max(1, -(-len(names) // 2))]


if __name__ == "__main__":
    main()
