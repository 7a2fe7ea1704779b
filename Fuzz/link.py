#!/usr/bin/env python3
"""Prints what a program needs on top of its own source to be compiled and linked with a target of Package.swift.

    swift package dump-package | Fuzz/link.py TARGET FOLDER-OF-THE-BUILD

One argument of `swiftc` a line: the module maps of the C targets, and the object files and libraries of the target and
of everything that it depends on. They come from the manifest, so that a dependency is named there and nowhere else.
"""

import json
import re
import sys
from pathlib import Path


def needed(targets: dict, name: str) -> list[str]:
    """The target and what it depends on, directly or not, each once."""
    found, ahead = [], [name]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.append(name)
        for dependency in targets[name]["dependencies"]:
            if "byName" not in dependency:
                sys.exit(f"link.py: {name} depends on another package, which is not known here: {dependency}")
            ahead.append(dependency["byName"][0])
    return sorted(found)


def arguments(target: dict, products: Path) -> list[str]:
    name = target["name"]
    if target["type"] == "system":
        module_map = Path("Sources", name, "module.modulemap")
        libraries = re.findall(r'^\s*link "(.+)"', module_map.read_text(), re.MULTILINE)
        return ["-Xcc", f"-fmodule-map-file={module_map}"] + [f"-l{library}" for library in libraries]
    folder = products / f"{name}.build"
    objects = sorted(str(file) for file in folder.rglob("*.o"))
    if not objects:
        sys.exit(f"link.py: {folder} has no object file; is {name} built?")
    module_map = folder / "module.modulemap"
    maps = ["-Xcc", f"-fmodule-map-file={module_map}"] if module_map.exists() else []
    libraries = [setting["kind"]["linkedLibrary"]["_0"] for setting in target["settings"]
                 if "linkedLibrary" in setting["kind"]]
    return maps + objects + [f"-l{library}" for library in libraries]


def main() -> None:
    name, products = sys.argv[1], Path(sys.argv[2])
    targets = {target["name"]: target for target in json.load(sys.stdin)["targets"]}
    for part in needed(targets, name):
        print("\n".join(arguments(targets[part], products)))


main()
