#!/usr/bin/env python3
"""Writes measures.json: statistics of pictures, measures without labels and Kendall's tau as NumPy and SciPy
have them, on drawn numbers.

    python make_measures.py

Run it in a virtual environment with `numpy` and `scipy`.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.stats import kendalltau

random = np.random.default_rng(23)


def entropy_rank(values):
    p = values / values.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def rank_me(x):
    return entropy_rank(np.linalg.svd(x.astype(np.float64), compute_uv=False))


def lidar(x):
    """[N, V, D]; the matrix square root is taken by its definition, which the product's own way is not."""
    x = x.astype(np.float64)
    n, v, d = x.shape
    means = x.mean(1)
    centred = means - means.mean(0)
    between = centred.T @ centred / (n - 1)
    inner = (x - means[:, None]).reshape(-1, d)
    within = inner.T @ inner / (n * (v - 1)) + 1e-4 * np.eye(d)
    root = np.linalg.inv(scipy.linalg.sqrtm(within).real)
    values = np.linalg.eigvalsh(root @ between @ root)
    return entropy_rank(np.maximum(values, 0))


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def views(name, pictures, count, dimension, noise):
    centres = random.normal(size=(pictures, 1, dimension)) * np.linspace(1, 0.05, dimension)
    x = np.round(centres + noise * random.normal(size=(pictures, count, dimension)) + 0.4, 3).astype(np.float32)
    first, second = x[:, 0], x[:, 1]
    cosines = unit(first) @ unit(first).T
    return {
        "name": name, "viewsPerPicture": count, "dimension": dimension,
        "views": [float(f"{value:.3f}") for value in x.reshape(-1)],
        "rankMe": rank_me(first), "lidar": lidar(x),
        "viewRecall": float(((unit(first) @ unit(second).T).argmax(1) == np.arange(pictures)).mean()),
        "meanCosine": float((cosines.sum() - np.trace(cosines)) / (pictures * (pictures - 1))),
    }


def statistics(pictures):
    """[N, H, W, C] → [N, C, 6]."""
    x = pictures.astype(np.float64)
    return np.stack([
        x.mean((1, 2)), x.std((1, 2)), x.min((1, 2)), x.max((1, 2)),
        np.abs(np.diff(x, axis=2)).mean((1, 2)), np.abs(np.diff(x, axis=1)).mean((1, 2)),
    ], axis=-1)


def kendall(a, b):
    return {"a": a, "b": b, "tau": float(kendalltau(a, b).statistic)}


pictures = np.round(random.random((3, 5, 4, 2)), 3)
drawn = np.round(random.normal(size=30), 1)
result = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    "views": [
        views("more pictures than components", 40, 4, 6, 0.3),
        views("fewer pictures than components", 7, 3, 12, 1.0),
    ],
    "statistics": {
        "height": 5, "width": 4, "channels": 2, "pictures": pictures.reshape(-1).tolist(),
        "features": statistics(pictures).reshape(-1).tolist(),
    },
    "kendall": [
        kendall([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]),
        kendall([1.0, 2.0, 2.0, 3.0, 5.0], [5.0, 2.0, 2.0, 2.0, 1.0]),
        kendall(drawn.tolist(), np.round(drawn + random.normal(size=30), 1).tolist()),
    ],
}
path = pathlib.Path(__file__).parent / "measures.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
