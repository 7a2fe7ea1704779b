#!/usr/bin/env python3
"""Every threat in SECURITY.md names its tests, and each of them exists.

    security.py [--root DIR]

The table is the one whose last heading is `tests`; a test is written as `Target: its name` in backticks.
"""

import argparse
import re
import sys
from pathlib import Path

from swift_source import blank, swift_files
from tests import tests_in

REFERENCE = re.compile(r"`(\w+Tests): ([^`]+)`")


def threats(text: str) -> list[tuple[int, str, str]]:
    """The line, the first cell and the last cell of every row of the table."""
    rows, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "tests":
            inside = True
        elif inside and not re.fullmatch(r"-+", cells[0]):
            rows.append((number, cells[0], cells[-1]))
    return rows


def known_tests(folder: Path) -> dict[str, set[str]]:
    """The names of the tests of each target."""
    return {
        target.name: {
            name.strip("`")
            for file in swift_files(target) for name, _ in tests_in(blank(file.read_text()))
        }
        for target in folder.iterdir() if target.is_dir()
    }


def check(root: Path) -> tuple[int, list[str]]:
    rows = threats((root / "SECURITY.md").read_text())
    known, problems = known_tests(root / "Tests"), []
    if not rows:
        problems.append("SECURITY.md has no table of threats whose last heading is `tests`.")
    for number, threat, cell in rows:
        named = REFERENCE.findall(cell)
        if not named:
            problems.append(f"SECURITY.md:{number}: no test is named for: {threat}.")
        for target, name in named:
            if name not in known.get(target, set()):
                problems.append(f"SECURITY.md:{number}: {target} has no test `{name}`.")
    return len(rows), problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    count, problems = check(parser.parse_args().root.resolve())
    for problem in problems:
        print(f"security: {problem}", file=sys.stderr)
    print(f"security: {count} threats, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
