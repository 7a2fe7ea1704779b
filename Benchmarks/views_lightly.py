#!/usr/bin/env python3
"""The peer of `byol benchmark views`: lightly's BYOL transform of one picture into two views.

    pip install torch torchvision lightly
    python Benchmarks/views_lightly.py --picture 400 --size 224
    python Benchmarks/views_lightly.py --picture 32 --size 32

One thread. A JPEG of a drawn picture is in memory; each turn decodes it and makes both views, as a
loader's worker does. Prints one line of JSON with `images_per_second` (pictures, two views each).
"""

import argparse
import io
import json
import pathlib
import statistics
import time

import lightly
import numpy as np
import torch
from lightly.transforms.byol_transform import (
    BYOLTransform, BYOLView1Transform, BYOLView2Transform)
from PIL import Image


def drawn(side):
    """A JPEG with soft shapes and some noise, about as hard to decode as a photograph."""
    random = np.random.default_rng(1)
    coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize((side, side), Image.BICUBIC), dtype=np.int16)
    picture = picture + random.integers(-12, 13, picture.shape)
    data = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=90)
    return data.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=int, default=400, help="side of the JPEG in pixels")
    parser.add_argument("--size", type=int, default=224, help="side of a view in pixels")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--write", type=pathlib.Path, help="write the JPEG and measure nothing")
    o = parser.parse_args()
    if o.write:
        o.write.write_bytes(drawn(o.picture))
        return
    torch.set_num_threads(1)
    torch.manual_seed(0)
    transform = BYOLTransform(
        BYOLView1Transform(input_size=o.size), BYOLView2Transform(input_size=o.size))
    data, times = drawn(o.picture), []
    end = time.monotonic() + o.seconds
    while len(times) < 10 or time.monotonic() < end:
        start = time.perf_counter()
        first, second = transform(Image.open(io.BytesIO(data)).convert("RGB"))
        times.append(time.perf_counter() - start)
    assert first.shape == second.shape == (3, o.size, o.size)
    print(json.dumps({
        "program": "lightly", "version": lightly.__version__, "picture": o.picture,
        "size": o.size, "jpeg_bytes": len(data), "images_per_second": len(times) / sum(times),
        "median_seconds": statistics.median(times),
    }))


if __name__ == "__main__":
    main()
