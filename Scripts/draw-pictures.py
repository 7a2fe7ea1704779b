#!/usr/bin/env python3
"""Draws a few small pictures for tests: two folders of PNGs, stripes across and stripes down, each a little different.

    draw-pictures.py FOLDER [COUNT]

COUNT pictures in each of the two folders (24), of 32 pixels a side; no library is needed.
"""

import struct
import sys
import zlib
from pathlib import Path

SIDE = 32


def png(rows: list[bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def stripes(number: int, down: bool) -> list[bytes]:
    def pixel(x: int, y: int) -> bytes:
        bright = ((x if down else y) + number) // (2 + number % 5) % 2
        return bytes((200 * bright, (number * 9 + 5 * x) % 256, (255 - number * 7 + 3 * y) % 256))

    return [b"".join(pixel(x, y) for x in range(SIDE)) for y in range(SIDE)]


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    for name in ("across", "down"):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(int(sys.argv[2]) if len(sys.argv) == 3 else 24):
            (folder / f"{number:03}.png").write_bytes(png(stripes(number, name == "down")))


main()
