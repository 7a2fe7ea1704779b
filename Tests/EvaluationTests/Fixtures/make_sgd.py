#!/usr/bin/env python3
"""Writes sgd.json: the linear classifier by SGD as PyTorch trains it, on drawn crops.

    python make_sgd.py

Run it in a virtual environment with `numpy` and `torch`. The order of the pictures and the held-out tenth follow from the
seed by Philox4x32-10 (Salmon et al. 2011), written down here once more.
"""

import json
import math
import pathlib

import numpy as np
import torch

PICTURES, VIEWS, DIMENSION, CLASSES, JUDGED = 120, 3, 4, 4, 40
SEED, EPOCHS, BATCH, RATES = 11, 7, 16, [0.05, 0.4, 4.0, 300.0]
MASK = 0xFFFFFFFF
EVALUATION, ORDER_LANE, SPLIT_LANE = 4, 2, 3
torch.set_default_dtype(torch.float64)


def philox(key, counter):
    x, k0, k1 = list(counter), key & MASK, key >> 32
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> 32) ^ x[1] ^ k0, b & MASK, (a >> 32) ^ x[3] ^ k1, a & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return x


def words(epoch, lane):
    key, block = SEED ^ (EVALUATION * 0x9E3779B97F4A7C15 & (1 << 64) - 1), 0
    while True:
        yield from philox(key, [block, lane, 0, epoch])
        block += 1


def shuffled(count, total, epoch, lane):
    """The first `count` of 0 ..< total in a random order; indices without bias by Lemire's method."""
    draws, order = words(epoch, lane), list(range(total))
    for i in range(count):
        bound = total - i
        product = next(draws) * bound
        while product & MASK < (1 << 32) % bound:
            product = next(draws) * bound
        j = i + (product >> 32)
        order[i], order[j] = order[j], order[i]
    return order[:count]


def train(pictures, rate, nesterov=True, momentum=0.9, cosine=True, batch_scale=True, view=None, scaled=True):
    """Weights [D + 1, classes] after all epochs on crops of the pictures."""
    size = min(BATCH, len(pictures))
    steps = len(pictures) // size
    layer = torch.nn.Linear(DIMENSION, CLASSES)
    torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    base = rate * size / 256 if batch_scale else rate
    optimizer = torch.optim.SGD(layer.parameters(), lr=base, momentum=momentum, nesterov=nesterov)
    x = torch.tensor(crops * (scale if scaled else 1)), torch.tensor(labels)
    # As the schedule's own: one update is one step of it.
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS * steps)
    for epoch in range(EPOCHS):
        order = shuffled(steps * size, len(pictures), epoch, ORDER_LANE)
        for step in range(steps):
            chosen = [pictures[i] for i in order[step * size : (step + 1) * size]]
            loss = torch.nn.functional.cross_entropy(
                layer(x[0][chosen, epoch % VIEWS if view is None else view]), x[1][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if cosine:
                schedule.step()
    return np.concatenate([layer.weight.detach().numpy().T, layer.bias.detach().numpy()[None]])


def predicted(weights, values):
    return (values * scale @ weights[:-1] + weights[-1]).argmax(1)


random = np.random.default_rng(9)
centres = 1.5 * random.normal(size=(CLASSES, DIMENSION))
rounded = lambda v: np.round(v, 3).astype(np.float32).astype(np.float64)
labels = random.integers(0, CLASSES, PICTURES)
labels[:CLASSES] = range(CLASSES)
judged_labels = random.integers(0, CLASSES, JUDGED)
judged_labels[:CLASSES] = range(CLASSES)
whole = centres[labels] + random.normal(size=(PICTURES, DIMENSION))
crops = rounded(3 * (whole[:, None] + 0.7 * random.normal(size=(PICTURES, VIEWS, DIMENSION)) + 1.5))
whole = rounded(3 * (whole + 1.5))
judged = rounded(3 * (centres[judged_labels] + random.normal(size=(JUDGED, DIMENSION)) + 1.5))
scale = 1 / math.sqrt((crops**2).mean())

held = sorted(shuffled(PICTURES // 10, PICTURES, 0, SPLIT_LANE))
fitted = [i for i in range(PICTURES) if i not in held]
everything = list(range(PICTURES))
right = [int((predicted(train(fitted, rate), whole[held]) == labels[held]).sum()) for rate in RATES]
best = RATES[int(np.argmax(right))]
weights = train(everything, best)
wrong = {
    "no Nesterov": train(everything, best, nesterov=False),
    "no momentum": train(everything, best, nesterov=False, momentum=0),
    "no decay of the rate": train(everything, best, cosine=False),
    "a rate that does not follow the batch": train(everything, best, batch_scale=False),
    "the same crop in every epoch": train(everything, best, view=0),
    "values as they are": train(everything, best, scaled=False),
    "not trained anew": train(fitted, best),
}
numbers = lambda v: [float(f"{x:.3f}") for x in np.asarray(v).reshape(-1)]
result = {
    "versions": {"numpy": np.__version__, "torch": torch.__version__},
    "dimension": DIMENSION, "classes": CLASSES, "seed": SEED, "epochs": EPOCHS, "batch": BATCH, "rates": RATES,
    "crops": numbers(crops), "reference": numbers(whole), "labels": labels.tolist(),
    "judged": numbers(judged), "judgedLabels": judged_labels.tolist(),
    "heldOutRight": right, "rate": best, "scale": scale, "weights": weights.reshape(-1).tolist(),
    "top1": float((predicted(weights, judged) == judged_labels).mean()),
    "wrong": {name: float(np.abs(other - weights).max()) for name, other in wrong.items()},
}
path = pathlib.Path(__file__).parent / "sgd.json"
path.write_text(json.dumps(result, separators=(",", ":")) + "\n")
