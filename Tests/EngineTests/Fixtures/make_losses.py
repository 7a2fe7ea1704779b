#!/usr/bin/env python3
"""Writes losses.json: the losses of Losses.swift and their gradients as PyTorch computes them, in float64.

    python make_losses.py

Run it in a virtual environment with `torch` and `numpy`; the versions are in the file. The operands are multiples of
1/1024, exact in float32.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F


def nt_xent(*views, temperature=0.25):
    """Cross entropy of each view's row against each other view of its picture; itself is masked."""
    n, z = len(views[0]), F.normalize(torch.cat(views), dim=1)
    logits = (z @ z.T / temperature).masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf)
    rows = torch.arange(len(z))
    losses = [F.cross_entropy(logits, (rows + shift * n) % len(z)) for shift in range(1, len(views))]
    return sum(losses) / len(losses)


def vicreg(x, y):
    """The authors' code, main_vicreg.py."""
    def off_diagonal(m):
        n = len(m)
        return m.flatten()[:-1].view(n - 1, n + 1)[:, 1:].flatten()
    n, d = x.shape
    repr_loss = F.mse_loss(x, y)
    x, y = x - x.mean(dim=0), y - y.mean(dim=0)
    std_x, std_y = torch.sqrt(x.var(dim=0) + 0.0001), torch.sqrt(y.var(dim=0) + 0.0001)
    std_loss = torch.mean(F.relu(1 - std_x)) / 2 + torch.mean(F.relu(1 - std_y)) / 2
    cov_x, cov_y = (x.T @ x) / (n - 1), (y.T @ y) / (n - 1)
    cov_loss = off_diagonal(cov_x).pow(2).sum() / d + off_diagonal(cov_y).pow(2).sum() / d
    return 25 * repr_loss + 25 * std_loss + cov_loss


def byol(p1, p2, z1, z2):
    def direction(p, z):
        return (2 - 2 * F.cosine_similarity(p, z.detach(), dim=1)).mean()
    return direction(p1, z2) + direction(p2, z1)


def main():
    generator = np.random.default_rng(2)
    cases = []
    # Columns of different spread: some of VICReg's deviations are over 1, some below.
    for name, loss, count, shape in [
            ("ntXent", nt_xent, 2, (6, 8)), ("ntXent", nt_xent, 4, (5, 8)),
            ("vicReg", vicreg, 2, (9, 6)), ("bootstrap", byol, 4, (6, 8))]:
        operands = []
        for _ in range(count):
            numbers = generator.normal(size=shape) * np.linspace(0.4, 2, shape[1])
            operands.append(torch.tensor(np.round(numbers * 1024) / 1024, requires_grad=True))
        value = loss(*operands)
        value.backward()
        cases.append({
            "loss": name, "shape": shape,
            "operands": [x.detach().flatten().tolist() for x in operands],
            "value": value.item(),
            # BYOL's targets get none.
            "gradients": [x.grad.flatten().tolist() for x in operands if x.grad is not None],
        })
    file = pathlib.Path(__file__).parent / "losses.json"
    file.write_text(json.dumps(
        {"torch": torch.__version__, "numpy": np.__version__, "cases": cases}) + "\n")


main()
