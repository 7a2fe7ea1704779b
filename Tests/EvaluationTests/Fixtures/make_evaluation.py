#!/usr/bin/env python3
"""Writes evaluation.json: nearest neighbours, linear probe and collapse measures as NumPy and
scikit-learn have them, on drawn vectors.

    python make_evaluation.py

Run it in a virtual environment with `numpy` and `scikit-learn`.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

CLASSES, DIMENSION = 4, 12
random = np.random.default_rng(7)


def draw(count):
    labels = random.integers(0, CLASSES, count)
    labels[:CLASSES] = range(CLASSES)
    values = centres[labels] + random.normal(size=(count, DIMENSION)) + 0.5
    return np.round(values, 3).astype(np.float32), labels


def unit(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def accuracy(predicted, labels):
    right = predicted == labels
    return {
        "top1": float(right.mean()),
        "perClass": [float(right[labels == c].mean()) for c in range(CLASSES)],
    }


def neighbours(train, train_labels, test, test_labels, k):
    cosines = unit(test) @ unit(train).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(test), CLASSES))
    for c in range(CLASSES):
        weights = np.exp(np.take_along_axis(cosines, order, 1) / 0.1)
        votes[:, c] = (weights * (train_labels[order] == c)).sum(1)
    return {"k": k, "accuracy": accuracy(votes.argmax(1), test_labels)}


def linear(train, train_labels, test, test_labels, strength):
    scaler = StandardScaler().fit(train.astype(np.float64))
    x, t = (scaler.transform(v.astype(np.float64)) for v in (train, test))
    model = LogisticRegression(C=1 / (strength * len(x)), tol=1e-12, max_iter=10_000).fit(x, train_labels)
    log = model.predict_log_proba(x)[np.arange(len(x)), train_labels]
    objective = -log.mean() + strength / 2 * (model.coef_**2).sum()
    return {
        "regularisation": strength, "objective": float(objective),
        "accuracy": accuracy(model.predict(t), test_labels),
    }


def chosen(train, train_labels, test, test_labels, strengths):
    """The strength of the best accuracy on every tenth training row, fitted on the others; of equals the strongest."""
    held = np.arange(len(train)) % 10 == 0
    x = StandardScaler().fit_transform(train.astype(np.float64))
    right = []
    for strength in strengths:
        model = LogisticRegression(C=1 / (strength * (~held).sum()), tol=1e-12, max_iter=10_000)
        predicted = model.fit(x[~held], train_labels[~held]).predict(x[held])
        right.append(int((predicted == train_labels[held]).sum()))
    best = strengths[int(np.argmax(right))]
    return {"strengths": strengths, "right": right, **linear(train, train_labels, test, test_labels, best)}


def measures(x):
    u = unit(x)
    n = len(u)
    singular = np.linalg.svd(x.astype(np.float64), compute_uv=False)
    p = singular / singular.sum()
    cosines = u @ u.T
    return {
        "rows": n, "deviation": float(u.std(0, ddof=1).mean()),
        "effectiveRank": float(np.exp(-(p * np.log(p)).sum())),
        "meanCosine": float((cosines.sum() - np.trace(cosines)) / (n * (n - 1))),
    }


centres = random.normal(size=(CLASSES, DIMENSION)) * 0.6
train, train_labels = draw(150)
test, test_labels = draw(80)
sets = (train, train_labels, test, test_labels)
result = {
    "versions": {"numpy": np.__version__, "sklearn": sklearn.__version__},
    "classes": CLASSES, "dimension": DIMENSION,
    "train": [float(f"{v:.3f}") for v in train.reshape(-1)], "trainLabels": train_labels.tolist(),
    "test": [float(f"{v:.3f}") for v in test.reshape(-1)], "testLabels": test_labels.tolist(),
    "neighbours": [neighbours(*sets, k) for k in (1, 5, 20, 150)],
    "linear": [linear(*sets, s) for s in (1.0, 0.01, 0.0001)],
    "chosen": chosen(*sets, [10.0, 1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5]),
    "measures": [measures(train), measures(train[:8])],
}
path = pathlib.Path(__file__).parent / "evaluation.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
