#!/usr/bin/env python3
"""Writes patches.json: filters of whitened patches and features of pictures as NumPy has them, for drawn
patches and pictures.

    python make_patches.py

Run it in a virtual environment with `numpy`.
"""

import json
import pathlib

import numpy as np

REGULARISATION = 1e-3
random = np.random.default_rng(11)


def filters(patches, count):
    """[N, k, k, c] → [count, k, k, c]: patches of length 1 without their means, times the inverse of C + ε."""
    flat = patches.reshape(len(patches), -1).astype(np.float64)
    flat = flat - flat.mean(1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit = (flat / np.where(length > 1e-6, length, 1))[length[:, 0] > 1e-6]
    covariance = unit.T @ unit / len(unit)
    inverse = np.linalg.inv(covariance + REGULARISATION * np.eye(len(covariance)))
    return (unit[:count] @ inverse).reshape(-1, *patches.shape[1:])


def features(pictures, w, bias, both):
    k = w.shape[1]
    windows = np.lib.stride_tricks.sliding_window_view(pictures.astype(np.float64), (k, k), axis=(1, 2))
    products = np.einsum("nyxcij,fijc->nyxf", windows, w)
    parts = [np.maximum(0, products + bias)] + ([np.maximum(0, bias - products)] if both else [])
    return np.concatenate([part.mean((1, 2)) for part in parts], axis=1)


def case(name, kernel, channels, count, bias, both, pictures, height, width, patches):
    # A smooth part makes neighbouring pixels alike, as in photographs.
    drawn = random.random((patches, kernel, kernel, channels)) * 0.3 + random.random((patches, 1, 1, channels)) * 0.7
    drawn[1] = 0.5  # a flat patch, which is no filter
    drawn = np.round(drawn, 3)
    shown = np.round(random.random((pictures, height, width, channels)), 3)
    w = filters(drawn, count)
    return {
        "name": name, "kernelSize": kernel, "channels": channels, "count": count, "bias": bias,
        "signs": "both" if both else "positive", "height": height, "width": width,
        "patches": drawn.reshape(-1).tolist(), "pictures": shown.reshape(-1).tolist(),
        "filters": [float(f"{v:.9g}") for v in w.reshape(-1)],
        "features": [float(f"{v:.9g}") for v in features(shown, w, bias, both).reshape(-1)],
    }


result = {
    "versions": {"numpy": np.__version__},
    "cases": [
        case("three channels, both signs", 3, 3, 21, -1.0, True, 3, 9, 7, 90),
        case("one channel, one sign, more positions than a tile", 2, 1, 16, -0.25, False, 2, 20, 19, 60),
        case("five channels, a positive bias, one position", 4, 5, 33, 0.5, True, 2, 4, 4, 100),
    ],
}
path = pathlib.Path(__file__).parent / "patches.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
