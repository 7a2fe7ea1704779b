#!/usr/bin/env python3
"""Names in backticks in the documents must exist: types, members, files, `make` targets, variables.

    docs.py [--root DIR]

Also: ARCHITECTURE.md keeps to its length, docs/limits.md names every limit with its default, decisions
keep to their numbers and headings, and links between documents lead somewhere. Code blocks are not read.
"""

import argparse
import re
import sys
from pathlib import Path

from swift_source import blank, swift_files

# Documents that speak of what is in the sources now. Decisions may speak of what was.
DOCUMENTS = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/limits.md"]
LONGEST_ARCHITECTURE = 150
HEADINGS = ["Context", "Decision", "Consequences"]
# Types of Swift, of the tests' libraries and of other projects that documents may name.
FOREIGN = {
    "Span", "MutableSpan", "Mutex", "Sendable", "Codable", "Copyable", "String", "Float", "Int",
    "GRDB", "Logging", "ArgumentParser", "Yams",
}
SUFFIXES = r"swift|md|py|c|cpp|h|hpp|yaml|sh|txt|json|bin"


class Sources:
    """The names that the sources declare."""

    def __init__(self, root: Path):
        self.root = root
        text = "\n".join(
            blank(file.read_text())
            for folder in ("Sources", "Tests") for file in swift_files(root / folder))
        declared = re.findall(
            r"\b(?:struct|class|enum|actor|protocol|typealias|func|macro)\s+(\w+)", text)
        self.types = set(declared) | {p.name for p in (root / "Sources").iterdir()}
        self.types |= {p.name for p in (root / "Tests").iterdir()}
        members = re.findall(r"\b(?:func|var|let)\s+(\w+)", text)
        for cases in re.findall(r"\bcase\s+([\w, ]+)", text):
            members += re.findall(r"\w+", cases)
        self.members = set(members) | {"init"}
        self.text = text
        headers = [p for p in (root / "Sources").rglob("*") if p.suffix in {".c", ".h", ".hpp", ".cpp"}]
        self.c_names = set(re.findall(r"\b\w+\b", "\n".join(p.read_text() for p in headers)))
        makefile = root / "Makefile"
        rules = makefile.read_text() if makefile.exists() else ""
        self.make_targets = set(re.findall(r"^([a-z][a-z0-9-]*):", rules, re.MULTILINE))

    def has_file(self, name: str) -> bool:
        return (self.root / name).exists() or (self.root / "Sources" / name).exists()

    def has_variable(self, name: str) -> bool:
        files = list((self.root / "Sources").rglob("*.swift"))
        files += list((self.root / "Tests").rglob("*.swift"))
        return any(name in file.read_text() for file in files)


def problem_with(name: str, sources: Sources) -> str | None:
    """What is wrong with one name in backticks, or nothing."""
    if match := re.fullmatch(r"make ([a-z][a-z0-9-]*)( .*)?", name):
        known = match.group(1) in sources.make_targets
        return None if known else f"`{name}`: the Makefile has no such target"
    if re.fullmatch(r"BYOL_[A-Z_]+", name):
        return None if sources.has_variable(name) else f"`{name}` is read nowhere"
    if re.fullmatch(r"ck_\w+", name):
        return None if name in sources.c_names else f"`{name}` is in no C header"
    if re.fullmatch(rf"[\w.+-]+(/[\w.+-]+)*\.({SUFFIXES})|[\w.+-]+(/[\w.+-]+)*/|[A-Z][\w.-]*(/[\w.+-]+)+", name):
        return None if sources.has_file(name) else f"`{name}`: there is no such file"
    if sources.has_file(name):
        return None
    if match := re.fullmatch(r"([A-Z]\w*[a-z]\w*|[A-Z]{3,}\w*)(?:\.(\w+)(?:\([\w:]*\))?)?", name):
        type_name, member = match.groups()
        if type_name not in sources.types | FOREIGN:
            return f"`{name}`: no source declares {type_name}"
        if member and member not in sources.members:
            return f"`{name}`: no source declares {member}"
    return None


def check_names(document: Path, sources: Sources) -> list[str]:
    problems, fenced = [], False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for name in re.findall(r"`([^`]+)`", line):
            if problem := problem_with(name, sources):
                problems.append(f"{document.name}:{number}: {problem}.")
    return problems


# The types whose stored properties are limits, and the files that declare them.
LIMITS = {
    "Limits": "Sources/HTTP/Limits.swift",
    "AccessLimits": "Sources/Access/AccessRole.swift",
    "ImageLimits": "Sources/Images/ImageError.swift",
    "ViewGridLimits": "Sources/Images/ViewGrid.swift",
    "AdmissionLimits": "Sources/Datasets/Admission/AdmissionLimits.swift",
    "EmbeddingLimits": "Sources/API/Embeddings/EmbeddingRequest.swift",
    "ModelLibraryLimits": "Sources/ModelLibrary/ModelRecord.swift",
    "ModelAlias": "Sources/ModelLibrary/ModelRecord.swift",
    "EmbeddingQueueLimits": "Sources/EmbeddingService/EmbeddingService.swift",
    "RecipeLimits": "Sources/Recipes/RecipeLimits.swift",
    "RunSettings": "Sources/Runs/State/RunSettings.swift",
    "EvaluationLimits": "Sources/Evaluation/EvaluationLimits.swift",
    "EvaluationQueueLimits": "Sources/Runs/Evaluations/EvaluationQueueLimits.swift",
    "MetricLimits": "Sources/Metrics/Metric.swift",
    "RunResourceLimits": "Sources/Runs/State/RunResources.swift",
    "RunRetention": "Sources/RunDatabase/RunRetention.swift",
    "RecentErrorLimits": "Sources/API/Service/RecentErrors.swift",
    "SettingsLimits": "Sources/CommandLineTool/Settings/SettingsFile.swift",
    "DiskUsageLimits": "Sources/API/Service/DiskUsage.swift",
    "EventStreamLimits": "Sources/API/Runs/EventHandlers.swift",
    "Settings": "Sources/DatasetLibrary/DatasetLibrary.swift",
    "JSONValue": "Sources/JSONTree/JSONParser.swift",
    "Safetensors": "Sources/Checkpoints/Safetensors.swift",
    "ONNXModel": "Sources/ONNX/ONNXModel.swift",
    "SearchLimits": "Sources/Retrieval/SearchLimits.swift",
    "IndexLibraryLimits": "Sources/Retrieval/SearchLimits.swift",
}
LIMIT = re.compile(
    r"^ *public (?:static let|var) (\w+)(?:: [\w<>]+)? = ([-\d._e<* ]+|\.seconds\(\d+\)|\S+\.\.\..+)$",
    re.MULTILINE)


def declared_limits(root: Path) -> dict[str, list[float]]:
    """Every limit as `Type.member`, with the numbers of its default: one, or the ends of a range."""
    found = {}
    for name, path in LIMITS.items():
        file = root / path
        if not file.exists():
            continue
        text = re.split(rf"(?:struct|enum|extension) {name}\b", file.read_text(), maxsplit=1)[1]
        for member, value in LIMIT.findall(text.split("\n}\n", 1)[0]):
            ends = value.removeprefix(".seconds")
            found[f"{name}.{member}"] = [number(end) for end in ends.split("...")]
    return found


def number(text: str) -> float:
    """The value of a product, a shift or a plain number as Swift writes it."""
    text = text.strip("() ").replace("_", "")
    if match := re.fullmatch(r"(\d+) << (\d+)", text):
        return float(int(match.group(1)) << int(match.group(2)))
    product = 1.0
    for factor in text.split("*"):
        product *= float(factor)
    return product


def check_limits(root: Path) -> list[str]:
    """docs/limits.md names every limit with its default, and no other."""
    file, declared, problems = root / "docs/limits.md", declared_limits(root), []
    told = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        if match := re.match(r"\| `(\w+\.\w+)` \| ([^|]+) \|", line):
            default = re.sub(r"(?<=\d),(?=\d)", "", match.group(2))
            told[match.group(1)] = [float(n) for n in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", default)]
    for name in sorted(set(declared) ^ set(told)):
        where = "docs/limits.md" if name in declared else "The sources"
        problems.append(f"{where} lacks the limit {name}.")
    for name in sorted(set(declared) & set(told)):
        if declared[name] != told[name][: len(declared[name])]:
            problems.append(f"docs/limits.md says {told[name]} for {name}: it is {declared[name]}.")
    return problems


def check_links(document: Path, root: Path) -> list[str]:
    problems = []
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if not re.match(r"[a-z]+:", target) and not (document.parent / target).exists():
            problems.append(f"{document.relative_to(root)}: the link {target} leads nowhere.")
    return problems


def check_decisions(folder: Path) -> list[str]:
    problems = []
    files = sorted(folder.glob("*.md"))
    for index, file in enumerate(files, 1):
        if not re.fullmatch(rf"{index:04}-[a-z0-9-]+\.md", file.name):
            problems.append(f"{file.name}: decision {index} is named {index:04}-title.md.")
        found = re.findall(r"^## (.+)$", file.read_text(), re.MULTILINE)
        if found != HEADINGS:
            problems.append(f"{file.name}: the headings are {found}, not {HEADINGS}.")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    root = parser.parse_args().root.resolve()
    sources, problems = Sources(root), []
    for name in DOCUMENTS:
        if (root / name).exists():
            problems += check_names(root / name, sources)
        else:
            problems.append(f"{name} is missing.")
    architecture = root / "ARCHITECTURE.md"
    if architecture.exists() and architecture.read_text().count("\n") > LONGEST_ARCHITECTURE:
        problems.append(f"ARCHITECTURE.md is longer than {LONGEST_ARCHITECTURE} lines.")
    problems += check_limits(root)
    problems += check_decisions(root / "docs/decisions")
    pages = list(root.glob("*.md")) + list((root / "docs").rglob("*.md"))
    for page in sorted(pages):
        problems += check_links(page, root)
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    print(f"docs: {len(pages)} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
