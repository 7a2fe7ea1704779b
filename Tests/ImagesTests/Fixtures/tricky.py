"""What Pillow makes of the pictures of tricky-images.tar.gz, for TrickyImagesTests. Run in a virtual environment with
Pillow and numpy on the unpacked archive:

    python Tests/ImagesTests/Fixtures/tricky.py FOLDER [--planes FOLDER]

Writes tricky.tsv: each file that Pillow opens in a format that byol decodes, with width, height and CRC-32 of its RGB
bytes after the conversions of docs/pictures.md (upright, alpha over white, high byte of 16). `--planes` also writes those
bytes, a file each, named by its line. Stops where Pillow does not give the manifest's `rgb8_sha256`.
"""

import argparse
import hashlib
import pathlib
import struct
import sys
import zlib

import numpy
from PIL import Image

Image.MAX_IMAGE_PIXELS = 100_000_000
FORMATS = ("jpeg", "png", "webp", "gif")
TURNS = [
    None, None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
]


def over_white(image):
    rgba = numpy.asarray(image.convert("RGBA"), dtype=numpy.uint32)
    color, alpha = rgba[..., :3], rgba[..., 3:]
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(numpy.uint8)


def orientation(image):
    """The number in the file's EXIF block; those in texts and XMP, where Pillow looks too, are left."""
    block = Image.Exif()
    try:
        block.load(image.info.get("exif", b""))
        number = block.get(0x0112, 1)
    except (SyntaxError, struct.error):
        return None
    return number if isinstance(number, int) and 2 <= number <= 8 else None


def converted(image):
    """RGB bytes as docs/pictures.md says, `[height, width, 3]`, upright."""
    if turn := orientation(image):
        image = image.transpose(TURNS[turn])
    if image.mode.startswith("I"):
        values = numpy.asarray(image).astype(numpy.int64)
        gray = numpy.where(values == image.info.get("transparency", -1), 255, values >> 8)
        return numpy.repeat(gray.astype(numpy.uint8)[..., None], 3, axis=2)
    if "A" in image.mode or "transparency" in image.info:
        return over_white(image)
    return numpy.asarray(image.convert("RGB"))


def opened(path):
    """The first frame. An error behind its pixels is passed over, as it was for the manifest."""
    image = Image.open(path)
    try:
        image.load()
    except (OSError, SyntaxError) as error:
        print(f"{path}: {error}", file=sys.stderr)
    return image


def checked(path, image, expected):
    """Holds Pillow as it is here against the manifest, which has no hash where Pillow has no rule of its own."""
    if not expected or image.mode.startswith("I"):
        return
    found = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
    if found != expected:
        print(f"{path}: Pillow gives other pixels here than in the manifest", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--planes", type=pathlib.Path)
    o = parser.parse_args()
    lines = []
    for row in (o.folder / "manifest.tsv").read_text().split("\n")[1:]:
        fields = row.split("\t")
        if len(fields) < 13 or fields[2] not in FORMATS or fields[5] != "ok":
            continue
        with opened(o.folder / fields[0]) as image:
            checked(fields[0], image, fields[12])
            pixels = numpy.ascontiguousarray(converted(image))
        if o.planes:
            (o.planes / str(len(lines))).write_bytes(pixels.tobytes())
        height, width, _ = pixels.shape
        lines.append("\t".join(map(str, (fields[0], width, height, f"{zlib.crc32(pixels.tobytes()):08x}"))))
    (pathlib.Path(__file__).parent / "tricky.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
