#!/usr/bin/env python3
"""Prints the product's version, which stands in one place of the sources, and holds the contract and the changelog to it.

    version.py [--root DIR]
"""

import argparse
import re
import sys
from pathlib import Path


def faults(root: Path) -> tuple[str, list[str]]:
    text = "\n".join(file.read_text() for file in sorted((root / "Sources").rglob("*.swift")))
    declared = re.findall(r'byolVersion = "([^"]*)"', text)
    if len(declared) != 1:
        return "", [f"byolVersion stands {len(declared)} times in Sources; once is wanted."]
    version, found = declared[0], []
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", version):
        found.append(f"byolVersion is {version}, and no version of semver.org.")
    contract = re.search(r"^  version: (.*)$", (root / "openapi.yaml").read_text(), re.MULTILINE)
    if contract is None or contract.group(1).strip("\"'") != version:
        found.append(f"openapi.yaml has the version {contract and contract.group(1)}, byolVersion is {version}.")
    heading = re.search(r"^## (\S+?),? ", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    if heading is None or heading.group(1) != version:
        found.append(f"CHANGELOG.md begins with {heading and heading.group(1)}, byolVersion is {version}.")
    return version, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    version, found = faults(parser.parse_args().root)
    for fault in found:
        print(f"version: {fault}", file=sys.stderr)
    print(version)
    return 1 if found else 0


sys.exit(main())
