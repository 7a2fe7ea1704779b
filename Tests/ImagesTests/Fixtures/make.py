"""Writes the fixtures of ImagesTests. Run in a virtual environment with Pillow and numpy:

    python Tests/ImagesTests/Fixtures/make.py

Pillow's and Python's own results, for the Swift code to be held against. Versions: versions.txt.
"""

import colorsys
import io
import pathlib
import random
import sys

import numpy
import PIL
from PIL import Image, ImageFilter, ImageOps, features

here = pathlib.Path(__file__).parent


def noisy(width, height, seed, bands=3):
    """Smooth colours, hard edges and noise: what overshoots when it is resampled."""
    rng = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width]
    planes = []
    for band in range(bands):
        plane = 127 + 90 * numpy.sin(x / (3 + 2 * band) + band) * numpy.cos(y / (4 + band))
        plane[(x // 7 + y // 5) % 3 == band % 3] = 255 * (band % 2)
        planes.append(plane + rng.normal(0, 12, plane.shape))
    return numpy.clip(numpy.stack(planes, -1), 0, 255).astype(numpy.uint8)


def save(name, image):
    image.convert("RGB").save(here / (name + ".expected.png"), optimize=True)


def over_white(image):
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def resizing():
    source = Image.fromarray(noisy(61, 47, 1))
    source.save(here / "resize.source.png", optimize=True)
    whole = (0, 0, 61, 47)
    cases = [
        (whole, (32, 32)), (whole, (61, 20)), (whole, (13, 47)), (whole, (90, 70)),
        ((5, 3, 44, 40), (24, 24)), ((10, 10, 18, 16), (40, 30)), (whole, (1, 1)),
    ]
    lines = []
    for name, filter in (("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)):
        for number, (box, size) in enumerate(cases):
            stem = f"resize.{name}.{number}"
            save(stem, source.crop(box).resize(size, filter))
            lines.append(" ".join(map(str, (stem, name, *box, *size))))
    (here / "resize.cases.txt").write_text("\n".join(lines) + "\n")


def evaluation():
    """torchvision's Resize and CenterCrop on a picture, through Pillow."""
    for width, height, resized, side in ((61, 47, 36, 32), (40, 77, 32, 32), (33, 33, 41, 36)):
        source = Image.fromarray(noisy(width, height, width))
        stem = f"evaluation.{width}x{height}.{resized}.{side}"
        source.save(here / (stem + ".source.png"), optimize=True)
        short = min(width, height)
        w, h = width * resized // short, height * resized // short
        left, top = int(round((w - side) / 2.0)), int(round((h - side) / 2.0))
        image = source.resize((w, h), Image.Resampling.BICUBIC)
        save(stem, image.crop((left, top, left + side, top + side)))


def colors():
    """red green blue, turns of hue, factor of saturation, and both results."""
    rng = random.Random(3)
    lines = []
    for number in range(300):
        rgb = [rng.randrange(0, 256) / 255 for _ in range(3)]
        if number % 10 == 0:
            rgb[1] = rgb[0]
        if number % 25 == 0:
            rgb[2] = rgb[1] = rgb[0]
        turns, factor = rng.uniform(-0.5, 0.5), rng.uniform(0, 2)
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        turned = colorsys.hsv_to_rgb((h + turns) % 1.0, s, v)
        saturated = colorsys.hsv_to_rgb(h, min(1.0, s * factor), v)
        lines.append(" ".join(f"{x:.9f}" for x in (*rgb, turns, factor, *turned, *saturated)))
    (here / "colors.txt").write_text("\n".join(lines) + "\n")


def decoding():
    rgb = Image.fromarray(noisy(45, 38, 7))
    jpegs = {
        "jpeg.420": (rgb, dict(quality=80, subsampling=2)),
        "jpeg.422": (rgb, dict(quality=80, subsampling=1)),
        "jpeg.444": (rgb, dict(quality=95, subsampling=0)),
        "jpeg.progressive": (rgb, dict(quality=85, progressive=True)),
        "jpeg.gray": (rgb.convert("L"), dict(quality=85)),
        "jpeg.cmyk": (rgb.convert("CMYK"), dict(quality=90)),
        "jpeg.restart": (rgb, dict(quality=85, restart_marker_blocks=2)),
    }
    for name, (image, options) in jpegs.items():
        image.save(here / (name + ".jpg"), **options)
        save(name, Image.open(here / (name + ".jpg")))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        name = f"jpeg.orientation{orientation}"
        rgb.resize((20, 12)).save(here / (name + ".jpg"), quality=90, exif=exif)
        save(name, ImageOps.exif_transpose(Image.open(here / (name + ".jpg"))))

    alpha = Image.fromarray(noisy(31, 26, 9, bands=4), "RGBA")
    palette = rgb.quantize(19)
    transparent = rgb.quantize(17)
    gray16 = Image.fromarray((noisy(30, 20, 11)[:, :, 0].astype(numpy.uint16) * 257 + 77).astype(numpy.uint16))
    pngs = {
        "png.rgb": (rgb, {}, rgb),
        "png.gray": (rgb.convert("L"), {}, rgb.convert("L")),
        "png.bits1": (rgb.convert("1"), {}, rgb.convert("1")),
        "png.palette": (palette, {}, palette),
        "png.rgba": (alpha, {}, over_white(alpha)),
        "png.graya": (alpha.convert("LA"), {}, over_white(alpha.convert("LA"))),
        "png.gray16": (gray16, {}, Image.fromarray((numpy.array(gray16) >> 8).astype(numpy.uint8))),
    }
    for name, (image, options, expected) in pngs.items():
        image.save(here / (name + ".png"), **options)
        save(name, expected)
    transparent.save(here / "png.transparent.png", transparency=3)
    save("png.transparent", over_white(Image.open(here / "png.transparent.png")))


def gifs():
    """The first frame: in order, interlaced, with a transparent index, and larger than its canvas."""
    picture = Image.fromarray(noisy(23, 17, 9)).quantize(60)
    later = Image.fromarray(noisy(23, 17, 10)).quantize(60)
    shown = {
        "gif.plain": (picture, {"interlace": 0}),
        "gif.interlaced": (picture, {"interlace": 1}),
        "gif.animated": (picture, {"save_all": True, "append_images": [later], "duration": 50}),
        "gif.transparent": (picture, {"transparency": picture.getpixel((3, 3))}),
    }
    for stem, (image, options) in shown.items():
        data = io.BytesIO()
        image.save(data, "GIF", **options)
        (here / (stem + ".gif")).write_bytes(data.getvalue())
    data = bytearray((here / "gif.plain.gif").read_bytes())
    data[6:10] = bytes([12, 0, 30, 0])  # the canvas: narrower and higher than the frame
    (here / "gif.canvas.gif").write_bytes(data)
    for stem in [*shown, "gif.canvas"]:
        image = Image.open(here / (stem + ".gif"))
        image.load()
        save(stem, over_white(image))


def webps():
    """Lossy, lossless, with alpha, the first frame of an animation, and as many pixels as are read, all transparent."""
    picture, later = Image.fromarray(noisy(23, 17, 9)), Image.fromarray(noisy(23, 17, 10))
    alpha = Image.fromarray(noisy(31, 26, 9, bands=4), "RGBA")
    shown = {
        "webp.lossy": (picture, {"quality": 80}),
        "webp.lossless": (picture, {"lossless": True}),
        "webp.alpha": (alpha, {"lossless": True, "exact": True}),
        "webp.animated": (picture, {"save_all": True, "append_images": [later], "lossless": True}),
    }
    for stem, (image, options) in shown.items():
        image.save(here / (stem + ".webp"), **options)
        save(stem, over_white(Image.open(here / (stem + ".webp"))))
    Image.new("RGBA", (16383, 3051), (9, 8, 7, 6)).save(here / "webp.largest.webp", lossless=True)


def planes():
    """NumPy's own files of 1 to 16 planes, and each plane resized by Pillow by itself."""
    for count in (1, 2, 4, 5, 16):
        array = noisy(31, 26, count, bands=count)
        numpy.save(here / f"planes.{count}.npy", array[..., 0] if count == 1 else array)
        resized = [Image.fromarray(array[..., c]).resize((13, 17), Image.Resampling.BICUBIC) for c in range(count)]
        numpy.save(here / f"planes.{count}.expected.npy", numpy.stack([numpy.asarray(r) for r in resized], -1))


resizing()
evaluation()
colors()
decoding()
gifs()
webps()
planes()
(here / "versions.txt").write_text(
    f"Python {sys.version.split()[0]}, Pillow {PIL.__version__}, numpy {numpy.__version__}, "
    f"libjpeg-turbo {features.version('libjpeg_turbo')}\n"
)
