#!/usr/bin/env python3
"""Writes optimizers.json: three updates of one parameter by each rule, in float64.

    python make_optimizers.py

SGD and AdamW are PyTorch's own; LARS is its formula (You et al. 2017, algorithm 1, with the weight decay inside the
norm of the gradient) in NumPy. Run it in a virtual environment with `torch` and `numpy`; the versions are in the file.
Parameters and gradients are multiples of 1/1024, exact in float32.
"""

import json
import pathlib

import numpy as np
import torch

COUNT = 23
STEPS = 3
RATES = [0.1, 0.05, 0.025]


def numbers(generator, count):
    return np.round(generator.uniform(-1, 1, count) * 1024) / 1024


def with_torch(make, parameter, gradients):
    p = torch.tensor(parameter, requires_grad=True)
    optimizer = make(p)
    result = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATES[step]
        p.grad = torch.tensor(sum(gradients[step]))
        optimizer.step()
        # The optimizer changes its state in place: what is kept are copies.
        state = {name: value.numpy().copy() for name, value in optimizer.state[p].items()}
        result.append((p.detach().numpy().copy(), state))
    return result


def sgd(momentum, weight_decay):
    def run(parameter, gradients):
        steps = with_torch(
            lambda p: torch.optim.SGD([p], lr=1, momentum=momentum, weight_decay=weight_decay),
            parameter, gradients)
        return [(p, [state["momentum_buffer"]]) for p, state in steps]
    return {"kind": "sgd", "momentum": momentum, "weightDecay": weight_decay}, run


def adamw(beta1, beta2, epsilon, weight_decay):
    def run(parameter, gradients):
        steps = with_torch(
            lambda p: torch.optim.AdamW(
                [p], lr=1, betas=(beta1, beta2), eps=epsilon, weight_decay=weight_decay),
            parameter, gradients)
        return [(p, [state["exp_avg"], state["exp_avg_sq"]]) for p, state in steps]
    return {"kind": "adamW", "beta1": beta1, "beta2": beta2, "epsilon": epsilon,
            "weightDecay": weight_decay}, run


def lars(momentum, weight_decay, trust):
    def run(parameter, gradients):
        p, v, result = parameter.copy(), np.zeros_like(parameter), []
        for step in range(STEPS):
            g = sum(gradients[step]) + weight_decay * p
            g = g * trust * np.linalg.norm(p) / np.linalg.norm(g)
            v = momentum * v + g
            p = p - RATES[step] * v
            result.append((p, [v]))
        return result
    return {"kind": "lars", "momentum": momentum, "weightDecay": weight_decay,
            "trustCoefficient": trust}, run


def main():
    generator = np.random.default_rng(1)
    cases = []
    rules = [sgd(0.9, 0), sgd(0.9, 0.1), lars(0.9, 0, 0.5), lars(0.9, 0.1, 0.02),
             adamw(0.9, 0.999, 1e-8, 0), adamw(0.9, 0.95, 1e-3, 0.1)]
    for rule, run in rules:
        for count in (1, 2, 3):
            parameter = numbers(generator, COUNT)
            gradients = [[numbers(generator, COUNT) for _ in range(count)] for _ in range(STEPS)]
            steps = run(parameter, gradients)
            cases.append({
                "rule": rule, "parameter": parameter.tolist(),
                "gradients": [[g.tolist() for g in step] for step in gradients],
                "rates": RATES,
                "steps": [{"parameter": p.tolist(), "slots": [s.tolist() for s in slots]}
                          for p, slots in steps],
            })
    file = pathlib.Path(__file__).parent / "optimizers.json"
    file.write_text(json.dumps(
        {"torch": torch.__version__, "numpy": np.__version__, "cases": cases}) + "\n")


main()
