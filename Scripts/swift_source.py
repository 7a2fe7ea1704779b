"""Swift text without its comments and string literals, cut into functions: enough for counting."""

import re
from pathlib import Path


def blank(text: str) -> str:
    """Replaces what stands in comments and string literals by spaces; line ends stay.

    Expressions interpolated into literals are blanked with them.
    """
    out, i, n = [], 0, len(text)

    def cover(end: int) -> int:
        out.append(re.sub(r"[^\n]", " ", text[i:end]))
        return end

    while i < n:
        if text.startswith("//", i):
            end = text.find("\n", i)
            i = cover(n if end < 0 else end)
        elif text.startswith("/*", i):
            i = cover(block_comment_end(text, i))
        elif text[i] == '"' or (text[i] == "#" and re.match(r'#+"', text[i:])):
            i = cover(literal_end(text, i))
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


def block_comment_end(text: str, start: int) -> int:
    depth, i = 0, start
    while i < len(text):
        if text.startswith("/*", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("*/", i):
            depth, i = depth - 1, i + 2
            if depth == 0:
                return i
        else:
            i += 1
    return len(text)


def literal_end(text: str, start: int) -> int:
    hashes = re.match(r"#*", text[start:]).group()
    i = start + len(hashes)
    quote = '"""' if text.startswith('"""', i) else '"'
    i += len(quote)
    closing, escape = quote + hashes, "\\" + hashes
    while i < len(text):
        if text.startswith(escape + "(", i):
            i = interpolation_end(text, i + len(escape) + 1)
        elif text.startswith(escape, i):
            i += len(escape) + 1
        elif text.startswith(closing, i):
            return i + len(closing)
        elif quote == '"' and text[i] == "\n":
            return i
        else:
            i += 1
    return len(text)


def interpolation_end(text: str, start: int) -> int:
    depth, i = 1, start
    while i < len(text) and depth:
        if text[i] == '"':
            i = literal_end(text, i)
            continue
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        i += 1
    return i


FUNCTION = re.compile(r"\bfunc\s+(`[^`]+`|[^\s(<]+)|\b(init|deinit|subscript)\b[?!]?\s*(?=[(<{])")


def functions(text: str) -> list[tuple[str, int, str]]:
    """Each function with a body: its name, the lines of its body, the body (blanked text in, out)."""
    found = []
    for match in FUNCTION.finditer(text):
        if text[: match.start()].endswith((".", "self.")):
            continue  # a call: self.init(…), .init(…)
        body = body_after(text, match.end())
        if body is not None:
            name = match.group(1) or match.group(2)
            found.append((name, max(1, body.strip("{}").strip().count("\n") + 1), body))
    return found


def body_after(text: str, start: int) -> str | None:
    """The braces that follow a declaration's parameters, or nothing (a protocol's requirement)."""
    depth, i = 0, start
    while i < len(text):
        c = text[i]
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
            if depth < 0:
                return None
        elif depth == 0 and c == "{":
            return braces(text, i)
        elif depth == 0 and (c == "}" or c == "\n" and declaration_ends(text, i)):
            return None
        i += 1
    return None


def declaration_ends(text: str, newline: int) -> bool:
    """Whether what follows a line end does not go on with the declaration."""
    following = text[newline:].lstrip()
    return not following.startswith(("{", "->", "throws", "async", "where", "rethrows"))


def braces(text: str, start: int) -> str:
    depth = 0
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start : i + 1]
    return text[start:]


def swift_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.swift"))
