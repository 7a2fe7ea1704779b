#!/usr/bin/env python3
"""Numbers that may only fall, and numbers to look at.

    counts.py check [--root DIR]   fails if a target's `unsafe` count rose, or a file is too long
    counts.py write [--root DIR]   writes the present counts to Scripts/unsafe-counts.txt
    counts.py size  [--root DIR]   lines a target, median and 90th percentile of function length
"""

import argparse
import re
import statistics
import sys
from pathlib import Path

from swift_source import blank, functions, swift_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 70
# Files that may be longer, each with its reason. The list may only shrink.
LONGER = {
    "Sources/CImageCodecs/kernels.c": "loops for one processor family after another, read side by side",
}
# Functions that may be longer, each with its reason. The list may only shrink.
TABLE = "one short case for each operation of the graph, read as a table"
LONGER_FUNCTIONS = {
    ("Sources/ReferenceLowering/Evaluate.swift", "evaluate"): TABLE,
    ("Sources/TensorGraph/GradientRule.swift", "operandGradients"): TABLE,
    ("Sources/TensorGraph/ShapeRule.swift", "results"): TABLE,
}
CODE = {".swift", ".c", ".cpp", ".h", ".hpp"}


def targets(root: Path) -> list[Path]:
    return sorted(p for p in (root / "Sources").iterdir() if p.is_dir())


def unsafe_counts(root: Path) -> dict[str, int]:
    """The uses of the keyword `unsafe` in each target's code: each is a place to trust."""
    counts = {}
    for target in targets(root):
        counts[target.name] = sum(
            len(re.findall(r"(?<![@(\w])unsafe\b", blank(file.read_text())))
            for file in swift_files(target))
    return {name: count for name, count in counts.items() if count}


def committed_counts(root: Path) -> dict[str, int]:
    file = root / "Scripts/unsafe-counts.txt"
    if not file.exists():
        return {}
    rows = (line.split() for line in file.read_text().splitlines() if line and line[0] != "#")
    return {name: int(count) for name, count in rows}


def check_unsafe(root: Path) -> list[str]:
    now, committed, problems = unsafe_counts(root), committed_counts(root), []
    for name in sorted(set(now) | set(committed)):
        count, limit = now.get(name, 0), committed.get(name, 0)
        if count > limit:
            problems.append(
                f"{name} has {count} `unsafe`, {limit} committed: lower it, or say why in the commit "
                "that runs `python3 Scripts/counts.py write`.")
        elif count < limit:
            print(f"counts: {name} has {count} `unsafe`, {limit} committed: "
                  "keep the gain with `python3 Scripts/counts.py write`.")
    return problems


def code_files(root: Path) -> list[Path]:
    return sorted(
        file for folder in ("Sources", "Tests") for file in (root / folder).rglob("*")
        if file.suffix in CODE)


def check_files(root: Path) -> list[str]:
    problems = []
    for file in code_files(root):
        name, lines = str(file.relative_to(root)), file.read_text().count("\n")
        if lines <= LONGEST_FILE:
            continue
        if name in LONGER:
            print(f"counts: {name} has {lines} lines: {LONGER[name]}.")
        else:
            problems.append(f"{name} has {lines} lines; {LONGEST_FILE} at most.")
    return problems


def check_functions(root: Path) -> list[str]:
    problems = []
    for file in swift_files(root / "Sources"):
        for name, lines, _ in functions(blank(file.read_text())):
            where = str(file.relative_to(root))
            if lines > LONGEST_FUNCTION and (where, name) not in LONGER_FUNCTIONS:
                problems.append(f"{where}: {name} has {lines} lines; {LONGEST_FUNCTION} at most.")
    return problems


def size(root: Path) -> None:
    print(f"{'target':20}{'files':>6}{'lines':>7}{'functions':>11}{'median':>8}{'p90':>5}{'longest':>9}")
    everything: list[int] = []
    for target in targets(root) + [root / "Tests"]:
        files = [f for f in code_files(root) if target in f.parents]
        lines = sum(f.read_text().count("\n") for f in files)
        lengths = [n for f in files if f.suffix == ".swift" for _, n, _ in functions(blank(f.read_text()))]
        if target.name != "Tests":
            everything += lengths
        print(f"{target.name:20}{len(files):6}{lines:7}{row(lengths)}")
    print(f"{'all Sources':33}{row(everything)}")


def row(lengths: list[int]) -> str:
    if not lengths:
        return f"{0:11}"
    ninetieth = sorted(lengths)[int(0.9 * (len(lengths) - 1))]
    return f"{len(lengths):11}{statistics.median(lengths):8.0f}{ninetieth:5}{max(lengths):9}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["check", "write", "size"])
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    if arguments.action == "size":
        size(root)
        return 0
    if arguments.action == "write":
        rows = [f"{name} {count}" for name, count in unsafe_counts(root).items()]
        head = "# Uses of `unsafe` in each target: they may only fall. Written by counts.py."
        (root / "Scripts/unsafe-counts.txt").write_text("\n".join([head] + rows) + "\n")
        return 0
    problems = check_unsafe(root) + check_files(root) + check_functions(root)
    for problem in problems:
        print(f"counts: {problem}", file=sys.stderr)
    print(f"counts: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
