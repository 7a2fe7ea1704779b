#!/usr/bin/env python3
"""Writes projection.json: whitened projections of blocks of features, and filters of patches, as NumPy has them.

    python make_projection.py

Run it in a virtual environment with `numpy`. A component's sign is free, so products of projections are stored: Z·Zᵀ.
"""

import json
import pathlib

import numpy as np

SHRINKAGE = 0.01
REGULARISATION = 1e-3
random = np.random.default_rng(7)


def numbers(array):
    return [float(f"{v:.9g}") for v in np.asarray(array).reshape(-1)]


def projected(blocks, weights, dimension, others):
    """The vectors of `others` by the map fitted to `blocks`: an SVD of the scaled, centred features."""
    def scaled(b, x):
        centre = blocks[b].mean(0)
        total = ((blocks[b] - centre) ** 2).sum() / len(blocks[b])
        return (x - centre) * np.sqrt(weights[b] / total)
    fitted = np.concatenate([scaled(b, x) for b, x in enumerate(blocks)], 1)
    _, s, axes = np.linalg.svd(fitted, full_matrices=False)
    variances = (s[:dimension] ** 2) / len(fitted)
    deviations = np.sqrt(variances + SHRINKAGE * variances.mean())
    shown = np.concatenate([scaled(b, x) for b, x in enumerate(others)], 1)
    return shown @ axes[:dimension].T / deviations


def projection(name, rows, widths, weights, dimension):
    def draw(n, w, b):
        return np.round(random.standard_normal((n, w)) * (1 + np.arange(w)) * 10.0**b + b, 4)
    blocks = [draw(rows, w, b) for b, w in enumerate(widths)]
    others = [draw(5, w, b) for b, w in enumerate(widths)]
    z = projected(blocks, weights, dimension, others)
    return {
        "name": name, "rows": rows, "widths": widths, "weights": weights, "dimension": dimension,
        "blocks": [numbers(b) for b in blocks], "others": [numbers(o) for o in others],
        "products": numbers(z @ z.T),
    }


def filters(name, size, count, rows):
    patches = np.round(random.random((rows, size)) * 0.2 + random.random((rows, 1)), 4)
    mean = patches.mean(0)
    centred = patches - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / rows)
    z = vectors @ np.diag((values + REGULARISATION * values.mean()) ** -0.5) @ vectors.T
    u = centred[:count] @ z
    w = u / np.linalg.norm(u, axis=1, keepdims=True) @ z
    w /= np.sqrt(((centred @ w.T) ** 2).mean(0))[:, None]
    return {
        "name": name, "size": size, "count": count, "patches": numbers(patches), "filters": numbers(w),
        "bias": numbers(-(w @ mean)),
    }


result = {
    "versions": {"numpy": np.__version__},
    "projections": [
        projection("one block", 40, [6], [1.0], 4),
        projection("three blocks of different scales", 60, [5, 9, 3], [1.0, 0.25, 2.0], 8),
        projection("more features than pictures", 12, [20, 30], [1.0, 1.0], 6),
    ],
    "filters": [filters("three channels", 27, 11, 300), filters("one channel", 9, 9, 50)],
}
path = pathlib.Path(__file__).with_name("projection.json")
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
