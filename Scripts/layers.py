#!/usr/bin/env python3
"""Holds Package.swift and the imports in Sources against the two tables of ARCHITECTURE.md.

Besides, every Swift target has the strict settings, and no two paths differ in case only.

    layers.py [--root DIR] [--package DUMP.json]

DUMP.json is what `swift package dump-package` prints; without it that command is run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from swift_source import blank, swift_files


class Manifest:
    """What the check needs of a manifest."""

    def __init__(self, dump: dict):
        targets = dump["targets"]
        self.tests = {t["name"] for t in targets if t["type"] == "test"}
        self.clang = {t["name"] for t in targets if re.match(r"C[A-Z]", t["name"])} - self.tests
        self.paths = {t["name"]: t.get("path") or self._usual_path(t) for t in targets}
        self.settings = {t["name"]: self._swift_settings(t) for t in targets}
        self.dependencies = {t["name"]: self._names(t) for t in targets}
        # The tool targets under Tests/ are no layer of the product.
        self.layers = [
            t["name"] for t in targets
            if t["name"] not in self.tests | self.clang
            and not self.paths[t["name"]].startswith("Tests/")
        ]
        self.apt = {
            name for t in targets for p in t.get("providers") or []
            for names in p.values() for name in sum(names, [])
        }

    @staticmethod
    def _usual_path(target: dict) -> str:
        return ("Tests/" if target["type"] == "test" else "Sources/") + target["name"]

    @staticmethod
    def _swift_settings(target: dict) -> set[tuple[str, str]]:
        """The Swift settings that hold in every configuration, each as its kind and its value."""
        return {
            (kind, str(value.get("_0", "")))
            for setting in target.get("settings") or []
            if setting["tool"] == "swift" and not setting.get("condition")
            for kind, value in setting["kind"].items()
        }

    @staticmethod
    def _names(target: dict) -> set[str]:
        names = set()
        for dependency in target["dependencies"]:
            (value,) = dependency.values()
            names.add(value[0])
        return names


def table(text: str, header: str) -> dict[str, list[str]]:
    """The rows of the table whose first header cell is `header`, in order, by their first name."""
    rows, inside = {}, False
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == header:
            inside = True
        elif inside and (names := re.findall(r"`([^`]+)`", cells[0])):
            rows[names[0]] = cells[1:]
    return rows


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def check_layers(manifest: Manifest, text: str) -> list[str]:
    """The targets' table says what Package.swift says, and arrows point up it."""
    rows, problems = table(text, "target"), []
    for name in manifest.layers:
        if name not in rows:
            problems.append(f"ARCHITECTURE.md has no row for the target {name}.")
    place = {name: i for i, name in enumerate(rows)}
    for name, cells in rows.items():
        if name not in manifest.layers:
            problems.append(f"ARCHITECTURE.md has a row for {name}, which Package.swift does not.")
            continue
        told, true = names(cells[-1]), manifest.dependencies[name]
        for extra in sorted(told - true):
            problems.append(f"ARCHITECTURE.md: {name} does not depend on {extra} in Package.swift.")
        for missing in sorted(true - told):
            problems.append(f"ARCHITECTURE.md does not say that {name} depends on {missing}.")
        for other in sorted(true & set(rows)):
            if place[other] >= place[name]:
                problems.append(f"{name} depends on {other}, which stands below it in the table.")
    return problems


def check_clang(manifest: Manifest, text: str) -> list[str]:
    """Each C target has one Swift importer, or a row that says `shared` and names them all."""
    rows, problems = table(text, "C target"), []
    for name in sorted(manifest.clang ^ set(rows)):
        where = "ARCHITECTURE.md" if name in manifest.clang else "Package.swift"
        problems.append(f"{where} does not have the C target {name}.")
    for name in sorted(manifest.clang & set(rows)):
        cell = rows[name][-1]
        told = names(cell)
        true = {t for t in manifest.layers if name in manifest.dependencies[t]}
        if told != true:
            problems.append(
                f"ARCHITECTURE.md: importers of {name} are {sorted(true)}, not {sorted(told)}.")
        if len(true) > 1 and not cell.startswith("shared"):
            problems.append(f"{name} has more than one Swift importer: {sorted(true)}.")
    return problems


IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)", re.MULTILINE)


def imports(folder: Path) -> dict[str, Path]:
    """Every imported module with one file that imports it."""
    found = {}
    for file in swift_files(folder):
        for module in IMPORT.findall(blank(file.read_text())):
            found.setdefault(module, file)
    return found


def check_imports(manifest: Manifest, root: Path) -> list[str]:
    """Sources import only what their target declares.

    The build checks the same for Swift modules; C modules reach it through include paths, unseen.
    """
    problems, ours = [], set(manifest.dependencies)
    for name in manifest.layers:
        found = imports(root / manifest.paths[name])
        for module in sorted((set(found) & ours) - manifest.dependencies[name] - {name}):
            file = found[module].relative_to(root)
            problems.append(f"{file} imports {module}, which {name} does not declare.")
    return problems


def unused(manifest: Manifest, root: Path) -> list[str]:
    """Dependencies that no file imports: kept for what is about to come, or to be dropped."""
    ours = set(manifest.dependencies)
    return [
        f"{name} declares {module} and does not import it yet."
        for name in manifest.layers
        for module in sorted(
            (manifest.dependencies[name] & ours) - set(imports(root / manifest.paths[name])))
    ]


def check_packages(manifest: Manifest, root: Path) -> list[str]:
    """Every Debian package that Package.swift names is one that `make packages` installs."""
    listed = {
        line.split()[0] for line in (root / "Scripts/packages.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
    return [f"Scripts/packages.txt lacks {name}." for name in sorted(manifest.apt - listed)]


# What every Swift target is compiled with, as `dump-package` names it.
STRICT = {
    ("swiftLanguageMode", "6"),
    ("enableUpcomingFeature", "ExistentialAny"),
    ("enableUpcomingFeature", "MemberImportVisibility"),
    ("enableUpcomingFeature", "InternalImportsByDefault"),
    ("enableUpcomingFeature", "NonisolatedNonsendingByDefault"),
    ("strictMemorySafety", ""),
    ("treatAllWarnings", "error"),
}


def check_settings(manifest: Manifest, root: Path) -> list[str]:
    """Every target with a Swift file has the strict settings.

    A target is Swift by its files, not by its name: Package.swift itself goes by names, and once missed one.
    """
    return [
        f"Package.swift compiles {name} without {kind} {value}".rstrip() + "."
        for name, path in manifest.paths.items() if swift_files(root / path)
        for kind, value in sorted(STRICT - manifest.settings[name])
    ]


def check_case(root: Path) -> list[str]:
    """No two paths differ in case only: where a file system ignores case, a clone would merge them."""
    problems, seen = [], {}
    for folder, folders, files in os.walk(root):
        # What begins with a dot is built or a checkout's own.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders + sorted(files):
            path = (Path(folder) / name).relative_to(root)
            other = seen.setdefault(str(path).casefold(), path)
            if other != path:
                problems.append(f"{other} and {path} differ in case only.")
    return problems


def dumped_manifest(root: Path) -> str:
    """The manifest as JSON; in a scratch folder of its own, so that a build under way is not waited for."""
    with tempfile.TemporaryDirectory() as scratch:
        return subprocess.run(
            ["swift", "package", "--package-path", str(root), "--scratch-path", scratch,
             "dump-package"],
            check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--package", type=Path)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    if arguments.package:
        dump = arguments.package.read_text()
    else:
        dump = dumped_manifest(root)
    manifest = Manifest(json.loads(dump))
    text = (root / "ARCHITECTURE.md").read_text()
    problems = (
        check_layers(manifest, text) + check_clang(manifest, text)
        + check_imports(manifest, root) + check_packages(manifest, root)
        + check_settings(manifest, root) + check_case(root))
    for problem in problems:
        print(f"layers: {problem}", file=sys.stderr)
    for note in unused(manifest, root):
        print(f"layers: note: {note}")
    print(f"layers: {len(manifest.layers)} targets, {len(manifest.clang)} C targets, "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
