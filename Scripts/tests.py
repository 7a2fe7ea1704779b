#!/usr/bin/env python3
"""Holds the test sources: every test expects something, none returns before it does, and one that may
not run says why.

    tests.py [--root DIR]
"""

import argparse
import re
import sys
from pathlib import Path

from swift_source import blank, body_after, functions, swift_files

# Tests that expect by not throwing, each with the call that throws.
THROWING = {
    "`fields of others are left alone`": "RecipeRequest.init(reading:besides:)",
    "`an untouched pack is whole`": "Pack.verify()",
}
EXPECTATION = re.compile(r"#expect\b|#require\b|\bIssue\.record\b|\bconfirmation\s*\(")
CALL = re.compile(r"(`[^`]+`|\b\w+)\s*[({<]")
TEST = re.compile(r"@Test\b")


def expecting(bodies: dict[str, str]) -> set[str]:
    """The functions that expect something, themselves or through one they call."""
    found = {name for name, body in bodies.items() if EXPECTATION.search(body)}
    while True:
        more = {
            name for name, body in bodies.items()
            if name not in found and any(call in found for call in CALL.findall(body))
        }
        if not more:
            return found
        found |= more


def tests_in(text: str) -> list[tuple[str, str]]:
    """Name and body of every function marked @Test in blanked text."""
    found = []
    for mark in TEST.finditer(text):
        match = re.compile(r"\bfunc\s+(`[^`]+`|\w+)").search(text, mark.end())
        if match:
            found.append((match.group(1), body_after(text, match.end()) or ""))
    return found


def check_expectations(target: Path, root: Path) -> list[str]:
    texts = {file: blank(file.read_text()) for file in swift_files(target)}
    bodies: dict[str, str] = {}
    for text in texts.values():
        for name, _, body in functions(text):
            bodies[name] = bodies.get(name, "") + body
    good = expecting(bodies)
    problems = []
    for file, text in texts.items():
        for name, body in tests_in(text):
            calls = CALL.findall(body)
            if name in THROWING and re.search(r"\btry\b", body):
                continue
            if not EXPECTATION.search(body) and not any(call in good for call in calls):
                problems.append(f"{file.relative_to(root)}: the test {name} expects nothing.")
    return problems


# Functions that may return before they expect anything, each with its reason. The list may only shrink.
WAITING = "waits, returns once it has seen what it waits for, and fails when the time is over"
RETURNING = {
    ("Tests/HTTPTests/TimeoutTests.swift", "wait"): WAITING,
    ("Tests/RunsTests/RunHarness.swift", "waitFor"): WAITING,
}
# A `return` without a value: the test passes there.
BARE_RETURN = re.compile(r"\breturn\b(?=[ \t]*[;}\n])")
NESTED_FUNCTION = re.compile(r"\bfunc\s+(?:`[^`]+`|[^\s(<]+)")


def first_expectation(body: str, good: set[str]) -> int | None:
    """Where a body first expects something, itself or through a function that expects."""
    places = [match.start() for match in [EXPECTATION.search(body)] if match]
    places += [match.start() for match in CALL.finditer(body) if match.group(1) in good][:1]
    return min(places, default=None)


def without_nested_functions(body: str) -> str:
    """The body with functions that are declared in it blanked: what they return is not the test's."""
    for match in NESTED_FUNCTION.finditer(body):
        inner = body_after(body, match.end())
        if inner:
            start = body.index(inner, match.end())
            body = body[:start] + re.sub(r"[^\n]", " ", inner) + body[start + len(inner):]
    return body


def check_returns(target: Path, root: Path) -> list[str]:
    """No test, and no function that expects for tests, returns before its first expectation.

    It would pass without having looked at anything. A condition of the whole test belongs in `.enabled(if:)`,
    where the summary shows it; one of a value belongs in `#require`.
    """
    texts = {file: blank(file.read_text()) for file in swift_files(target)}
    bodies: dict[str, str] = {}
    for text in texts.values():
        for name, _, body in functions(text):
            bodies[name] = bodies.get(name, "") + body
    good, problems = expecting(bodies), []
    for file, text in texts.items():
        where = str(file.relative_to(root))
        for name, _, body in functions(text):
            if name not in good or (where, name) in RETURNING:
                continue
            body = without_nested_functions(body)
            first = first_expectation(body, good - {name})
            if first is not None and BARE_RETURN.search(body, 0, first):
                problems.append(
                    f"{where}: {name} returns before it expects anything; "
                    "use .enabled(if:) with a reason, or #require.")
    return problems


CONDITION = re.compile(r"\.(disabled|enabled)\s*\(|\bwithKnownIssue\s*\(")


def check_conditions(file: Path, root: Path) -> list[str]:
    """A test that is disabled, or enabled on a condition, carries a reason in quotation marks."""
    text, problems = file.read_text(), []
    code = blank(text)
    for match in CONDITION.finditer(code):
        end = argument_end(code, match.end())
        arguments = text[match.end() : end]
        line = code.count("\n", 0, match.start()) + 1
        where = f"{file.relative_to(root)}:{line}"
        if not re.search(r'"[^"]{8,}"', arguments):
            problems.append(f"{where}: a test is switched off without a reason.")
        if re.match(r"\s*if:\s*false\b", arguments):
            problems.append(f"{where}: `.enabled(if: false)` never runs; use .disabled with a reason.")
    return problems


def argument_end(code: str, start: int) -> int:
    depth, i = 1, start
    while i < len(code) and depth:
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        i += 1
    return i


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path(__file__).parent.parent)
    root = parser.parse_args().root.resolve()
    problems, count = [], 0
    for target in sorted(p for p in (root / "Tests").iterdir() if p.is_dir()):
        problems += check_expectations(target, root) + check_returns(target, root)
        for file in swift_files(target):
            problems += check_conditions(file, root)
            count += len(tests_in(blank(file.read_text())))
    for problem in problems:
        print(f"tests: {problem}", file=sys.stderr)
    print(f"tests: {count} test functions, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
