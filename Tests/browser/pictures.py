"""Pictures to learn from, drawn by Pillow: three kinds in folders, a copy, and files that are no pictures."""

import random
import tarfile
from pathlib import Path

from PIL import Image, ImageDraw

KINDS = ["rings", "bars", "dots"]
SIDE = 32
EACH = 60


def drawn(kind: str, seed: int) -> Image.Image:
    chance = random.Random(f"{kind} {seed}")
    colour = lambda low, high: tuple(chance.randint(low, high) for _ in range(3))
    image = Image.new("RGB", (SIDE, SIDE), colour(0, 90))
    pen = ImageDraw.Draw(image)
    ink, shift, gap = colour(130, 255), chance.randint(0, 8), chance.randint(6, 9)
    for k in range(-2, 6):
        if kind == "rings":
            reach = k * gap // 2
            if reach > 0:
                pen.ellipse([16 - reach - shift, 16 - reach, 16 + reach, 16 + reach + shift], outline=ink, width=2)
        elif kind == "bars":
            pen.line([k * gap + shift, 0, k * gap + shift + 6, SIDE], fill=ink, width=3)
        else:
            for j in range(-1, 5):
                pen.ellipse([k * gap + shift, j * gap + shift, k * gap + shift + 4, j * gap + shift + 4], fill=ink)
    return image


class Pictures:
    """A folder `pictures` of them, and an archive of it. Two files are damaged, one has a copy, one is a text."""

    damaged = ["rings/cut off.png", "dots/no picture.jpg"]

    def __init__(self, work: Path):
        self.folder = work / "pictures"
        for kind in KINDS:
            (self.folder / kind).mkdir(parents=True)
            for n in range(EACH):
                drawn(kind, n).save(self.folder / kind / f"{kind} {n:03}.png")
        (self.folder / "rings/a copy.png").write_bytes((self.folder / "rings/rings 000.png").read_bytes())
        (self.folder / "rings/cut off.png").write_bytes((self.folder / "rings/rings 001.png").read_bytes()[:300])
        (self.folder / "dots/no picture.jpg").write_bytes(b"a letter")
        (self.folder / "read me.txt").write_text("Pictures drawn for a test.")
        self.archive = work / "drawn.tar.gz"
        with tarfile.open(self.archive, "w:gz") as tar:
            tar.add(self.folder, arcname="drawn")
        self.query = work / "asked.png"
        drawn("rings", 1000).save(self.query)
        self.admitted = len(KINDS) * EACH + 1
        # Names beyond ASCII and beyond 100 bytes, of which tars made here must tell.
        self.named = []
        for name in ("Überraschung – 猫.png", f"{'long ' * 30}name.png"):
            path = work / name
            drawn("bars", 2000 + len(self.named)).save(path)
            self.named.append(path)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())
