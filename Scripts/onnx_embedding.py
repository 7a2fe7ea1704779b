#!/usr/bin/env python3
"""Embed a picture with an ONNX file: `onnx_embedding.py MODEL PICTURE` prints the vector of length 1 as JSON.

Needs onnxruntime and Pillow; takes both kinds of files that `byol export` writes. `Tests/ONNXTests` compares its vectors
with ours.
"""

import json
import sys

import numpy
import onnxruntime
from PIL import Image, ImageOps


def square(path: str, facts: dict[str, str]) -> numpy.ndarray:
    """The picture as the metadata asks for it: bytes [side, side, channels]."""
    side, resized = int(facts["byol.crop_side"]), int(facts["byol.resized_short_side"])
    mode = {1: "L", 3: "RGB"}[int(facts["byol.channels"])]
    picture = ImageOps.exif_transpose(Image.open(path)).convert(mode)
    size = [length * resized // min(picture.size) for length in picture.size]
    left, top = (round((length - side) / 2) for length in size)
    cut = picture.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + side, top + side))
    return numpy.asarray(cut).reshape(side, side, -1)


def embedding(model: str, path: str) -> numpy.ndarray:
    """The picture's embedding, of length 1."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts, given = session.get_modelmeta().custom_metadata_map, session.get_inputs()[0].name
    pictures = square(path, facts)[None]
    if given == "pictures":
        mean, deviation = (
            numpy.array(facts[f"byol.{name}"].split(), numpy.float32) for name in ("mean", "deviation"))
        pictures = ((pictures / numpy.float32(255) - mean) / deviation).transpose(0, 3, 1, 2)
    return session.run(["embedding_normalized"], {given: pictures})[0][0]


if __name__ == "__main__":
    print(json.dumps(embedding(sys.argv[1], sys.argv[2]).tolist()))
