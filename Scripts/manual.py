#!/usr/bin/env python3
"""Manual pages, one for each command, from what the program says of itself.

    manual.py PROGRAM VERSION DATE FOLDER

Reads `PROGRAM --experimental-dump-help`, which swift-argument-parser writes, so that the pages say what `--help` says.
Writes FOLDER/byol.1, FOLDER/byol-serve.1 and so on, in the macros of man(7), and prints their names.
"""

import json
import re
import subprocess
import sys
from pathlib import Path


def escaped(text: str) -> str:
    """Text as roff takes it: no escape, no request, and hyphens that can be searched for and copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def flags(argument: dict) -> str:
    """`-o, --output <output>` or `<pictures> ...`, with the options in bold and the values in italics."""
    value = f"\\fI{escaped(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return value + (" ..." if argument["isRepeating"] else "")
    names = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument["names"]]
    shown = ", ".join(f"\\fB{escaped(name)}\\fR" for name in names)
    return shown if argument["kind"] == "flag" else f"{shown} {value}"


def explained(argument: dict) -> list[str]:
    """The sentence of one argument, with its values and its default."""
    words = [argument.get("abstract", "")]
    if "allValues" in argument:
        words.append(f"One of: {', '.join(argument['allValues'])}.")
    if "defaultValue" in argument:
        words.append(f"Default: {argument['defaultValue']}.")
    return [".TP", flags(argument), escaped(" ".join(word for word in words if word))]


def discussion(text: str) -> list[str]:
    """Paragraphs; a line `  --flag <range>` with lines below it that stand further in is an entry of a list."""
    lines: list[str] = []
    for number, paragraph in enumerate(text.split("\n\n")):
        lines += [".PP"] if number > 0 else []
        for line in paragraph.split("\n"):
            if re.match(r"  \S", line):
                lines += [".TP", f"\\fB{escaped(line.strip())}\\fR"]
            elif line.strip():
                lines.append(escaped(line.strip()))
    return lines


def synopsis(name: str, arguments: list[dict], has_commands: bool) -> str:
    words = [f"\\fB{escaped(name)}\\fR"]
    for argument in arguments:
        if argument["kind"] == "positional" or not argument["isOptional"]:
            words.append(flags(argument) if not argument["isOptional"] else f"[{flags(argument)}]")
    if any(argument["kind"] != "positional" and argument["isOptional"] for argument in arguments):
        words.append("[\\fIoptions\\fR]")
    if has_commands:
        words.append("\\fIcommand\\fR ...")
    return " ".join(words)


def page(words: list[str], command: dict, version: str, date: str) -> str:
    title = "-".join(words)
    arguments = [a for a in command.get("arguments", []) if a["shouldDisplay"]]
    children = [c for c in command.get("subcommands", []) if c["commandName"] != "help" and c["shouldDisplay"]]
    abstract = command["abstract"].rstrip(".")
    lines = [
        f'.TH "{escaped(title.upper())}" 1 "{date}" "byol {version}" "byol"', ".SH NAME",
        f"{escaped(title)} \\- {escaped(abstract[0].lower() + abstract[1:])}",
        ".SH SYNOPSIS", synopsis(" ".join(words), arguments, bool(children)),
    ]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION"] + discussion(command["discussion"])
    if children:
        lines.append(".SH COMMANDS")
        for child in children:
            name = "-".join(words + [child["commandName"]])
            lines += [".TP", f"\\fB{escaped(child['commandName'])}\\fR", f"{escaped(child['abstract'])} See {escaped(name)}(1)."]
    lines.append(".SH OPTIONS")
    for argument in arguments:
        lines += explained(argument)
    others = [words[:-1]] if len(words) > 1 else []
    others += [words + [child["commandName"]] for child in children]
    lines += [".SH SEE ALSO", ",\n".join(f"\\fB{escaped('-'.join(other))}\\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def write(words: list[str], command: dict, version: str, date: str, folder: Path) -> None:
    file = folder / f"{'-'.join(words)}.1"
    file.write_text(page(words, command, version, date))
    print(file)
    for child in command.get("subcommands", []):
        if child["commandName"] != "help" and child["shouldDisplay"]:
            write(words + [child["commandName"]], child, version, date, folder)


def main() -> None:
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    program, version, date, folder = sys.argv[1:]
    help_text = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout
    write(["byol"], json.loads(help_text)["command"], version, date, Path(folder))


main()
