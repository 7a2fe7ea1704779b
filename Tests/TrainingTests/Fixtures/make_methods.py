#!/usr/bin/env python3
"""Writes the parity fixture of the methods: what PyTorch computes for their updates, in float64.

    python make_methods.py

Weights, pictures, storage and error scales are those of make_parity.py beside it, which explains them. One
small network (ResNet-18 of width 0.25 with the 3x3 stem, 16 px, batch 8) learns with each method:

  byol     as in make_parity.py, with AdamW
  simsiam  algorithm 1 of Chen & He 2021: projector of three layers, the output normalised without an affine map,
           predictor of two; the loss is written as 1 + the paper's, which lies in 0 ... 2
  simclr   NT-Xent of Chen et al. 2020, eq. 1, by an explicit loop over the pairs, temperature 0.5

  vicreg   algorithm 1 of Bardes et al. 2022, with the paper's weights, by explicit loops over the components
  fixed-target, no-ema, mean-teacher  the ablations of Grill et al. 2020: a target that keeps its weights; targets of
           the online network itself, which first projects both views; no predictor
  byol-terms  byol with negatives (eq. 8, beta 0.5, temperature 0.2), variance 1 and covariance 0.04 on the online
           projections, all of it times 0.7
  direct-copy  byol with the correlation of the unit projections, followed at a rate of 0.5, plus 0.3 of its norm times the
           identity in place of the predictor (Wang et al. 2021); the norm by one step of power iteration per update
  supervised  a linear classifier after the encoder with the cross entropy; picture i has the label 3i mod 5
  byol-local  byol with two local views of 8 px, each of which predicts the target's projections of both global ones;
           with four views all losses are halved

The optimizers are PyTorch's own SGD and AdamW, and LARS as make_parity.py writes it. Parameters of one axis are
neither decayed nor adapted.

AdamW's epsilon is 1e-3 here: it divides by the root of the second moment, so that with 1e-8 a bias whose gradient cancels
(a batch norm follows it) would move by the sign of rounding errors, and no two programs could agree. For the same reason a
running mean that vanishes is compared at the scale of its deviations.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import make_parity as base

HIDDEN, OUTPUT, TEMPERATURE = base.HIDDEN, base.OUTPUT, 0.5
EPSILON = 1e-3
RUNS = {
    "byol": ["adamw"], "simsiam": ["sgd", "adamw"], "simclr": ["lars", "sgd", "adamw"], "vicreg": ["sgd"],
    "fixed-target": ["sgd"], "no-ema": ["sgd"], "mean-teacher": ["sgd"], "byol-terms": ["sgd"], "byol-local": ["sgd"],
    "supervised": ["sgd"], "direct-copy": ["sgd"],
}
CLASSES = 5
TWO_VIEWS = base.views
BETA, TERMS_TEMPERATURE, VARIANCE, COVARIANCE, TERM_WEIGHT = 0.5, 0.2, 1.0, 0.04, 0.7
LOCAL_SIDE = 8
SETTINGS = base.SETTINGS | {"adamw": {"weightDecay": 0.1, "momentum": 0.9, "trustCoefficient": 0}}
PEAK = base.PEAK | {"adamw": 0.0005}


def mlp(inputs, units, hidden_bias=True, output_bias=False, normalizes_output=False):
    layers = []
    for i, outputs in enumerate(units):
        last = i == len(units) - 1
        layers.append(nn.Linear(inputs, outputs, bias=output_bias if last else hidden_bias))
        if not last:
            layers += [nn.BatchNorm1d(outputs), nn.ReLU()]
        elif normalizes_output:
            layers.append(nn.BatchNorm1d(outputs, affine=False))
        inputs = outputs
    return nn.Sequential(*layers)


class Networks(base.Networks):
    """The networks of one method, with the names of the fixture."""

    def __init__(self, method):
        nn.Module.__init__(self)
        self.method = method
        self.online, self.target = nn.Module(), nn.Module()
        self.online.encoder, features = base.encoder("resnet18", 0.25, "cifar")
        if method == "simsiam":
            self.online.projector = mlp(
                features, [HIDDEN, HIDDEN, OUTPUT], hidden_bias=False, normalizes_output=True)
            self.online.predictor = mlp(OUTPUT, [HIDDEN, OUTPUT], hidden_bias=False, output_bias=True)
        elif method == "supervised":
            self.online.classifier = nn.Linear(features, CLASSES)
        elif method == "vicreg":
            self.online.projector = mlp(features, [HIDDEN, HIDDEN, OUTPUT], output_bias=True)
        else:
            self.online.projector = mlp(features, [HIDDEN, OUTPUT])
        if method in ("byol", "fixed-target", "no-ema", "byol-terms", "byol-local"):
            self.online.predictor = mlp(OUTPUT, [HIDDEN, OUTPUT])
        if method == "direct-copy":
            self.online.correlation = nn.Module()
            self.online.correlation.register_buffer("matrix", torch.zeros(OUTPUT, OUTPUT))
            self.online.correlation.register_buffer("direction", torch.zeros(1, OUTPUT))
        if method in ("byol", "fixed-target", "mean-teacher", "byol-terms", "byol-local", "direct-copy"):
            self.target.encoder, _ = base.encoder("resnet18", 0.25, "cifar")
            self.target.projector = mlp(features, [HIDDEN, OUTPUT])
        inner = base.inner_norms(self.online.encoder)
        self.specs = [
            base.describe(name, value.shape, base.is_inner(name, inner), "layer4.1.bn2.bias", False)
            for name, value in sorted(self.state_dict().items())
            if not name.endswith("num_batches_tracked")
        ]
        self.side, self.batch, self.prefix = 16, 8, ""

    def predict(self, view):
        z = self.online.projector(self.online.encoder(view))
        return z, z if self.method == "mean-teacher" else self.online.predictor(z)

    def project(self, view):
        net = self.online if self.method == "no-ema" else self.target
        with torch.no_grad():
            return net.projector(net.encoder(view))

    def bootstrap(self, views):
        targets = [self.project(view) for view in views[:2]]
        total, cosines = 0, []
        for i, view in enumerate(views):
            z, p = self.predict(view)
            others = [t for j, t in enumerate(targets) if j != i]
            cosine = torch.stack([F.cosine_similarity(p, t, dim=1).mean() for t in others]).mean()
            cosines.append(cosine)
            total = total + 2 / len(views) * (2 - 2 * cosine)
            if self.method == "byol-terms":
                total = total + TERM_WEIGHT * (
                    2 * BETA * TERMS_TEMPERATURE * negatives(p, targets[i], others[0])
                    + VARIANCE * variance(z) + COVARIANCE * covariance(z))
        return total, torch.stack(cosines).mean()

    def direct_copy(self, views):
        state = self.online.correlation
        targets = [self.project(view) for view in views]
        total, cosines, units = 0, [], []
        moved = state.direction @ state.matrix
        predictor = state.matrix + 0.3 * (moved.norm() + 1e-4) * torch.eye(OUTPUT, dtype=moved.dtype)
        for view, other in zip(views, reversed(targets)):
            z = F.normalize(self.online.projector(self.online.encoder(view)))
            units.append(z.detach())
            cosine = F.cosine_similarity(z @ predictor, other, dim=1).mean()
            cosines.append(cosine)
            total = total + 2 - 2 * cosine
        correlation = sum(z.T @ z / len(z) for z in units) / 2
        # New tensors: those of this loss are still to be differentiated.
        state.direction = F.normalize(moved)
        state.matrix = state.matrix + 0.5 * (correlation - state.matrix)
        return total, torch.stack(cosines).mean()

    def loss(self, first, second, *local):
        if self.method == "direct-copy":
            return self.direct_copy([first, second])
        if self.method == "supervised":
            scores = self.online.classifier(self.online.encoder(first))
            labels = torch.arange(self.batch) * 3 % CLASSES
            probabilities = scores.softmax(1)[torch.arange(self.batch), labels]
            return F.cross_entropy(scores, labels), probabilities.mean()
        if self.method not in ("simsiam", "simclr", "vicreg"):
            return self.bootstrap([first, second, *local])
        z1 = self.online.projector(self.online.encoder(first))
        if self.method == "simsiam":
            p1 = self.online.predictor(z1)
            z2 = self.online.projector(self.online.encoder(second))
            p2 = self.online.predictor(z2)
            d1 = -F.cosine_similarity(p1, z2.detach(), dim=1).mean()
            d2 = -F.cosine_similarity(p2, z1.detach(), dim=1).mean()
            return 1 + d1 / 2 + d2 / 2, -(d1 + d2) / 2
        if self.method == "vicreg":
            z2 = self.online.projector(self.online.encoder(second))
            loss = 25 * ((z1 - z2) ** 2).mean() + 12.5 * (variance(z1) + variance(z2))
            loss = loss + covariance(z1) + covariance(z2)
            return loss, F.cosine_similarity(z1, z2, dim=1).mean()
        # The encoder sees both views before the projector sees either: running statistics do not depend on it.
        z2 = self.online.projector(self.online.encoder(second))
        z = F.normalize(torch.cat([z1, z2]))
        losses = []
        for i in range(len(z)):
            others = [k for k in range(len(z)) if k != i]
            similarities = (z[others] @ z[i]) / TEMPERATURE
            positive = (i + self.batch) % (2 * self.batch)
            losses.append(similarities.logsumexp(0) - (z[positive] @ z[i]) / TEMPERATURE)
        cosine = (z[: self.batch] * z[self.batch :]).sum(1).mean()
        return torch.stack(losses).mean(), cosine


def negatives(p, own, other):
    rows = []
    for i in range(len(p)):
        cosines = [F.cosine_similarity(p[i], own[j], dim=0) for j in range(len(p)) if j != i]
        cosines += [F.cosine_similarity(p[i], other[j], dim=0) for j in range(len(p))]
        rows.append((torch.stack(cosines) / TERMS_TEMPERATURE).logsumexp(0))
    return torch.stack(rows).mean()


def variance(z):
    return torch.stack([F.relu(1 - (z[:, d].var() + 1e-4).sqrt()) for d in range(z.shape[1])]).mean()


def covariance(z):
    matrix = torch.cov(z.T)
    return sum((row ** 2).sum() - row[d] ** 2 for d, row in enumerate(matrix)) / z.shape[1]


def views(net, step, dtype):
    both = TWO_VIEWS(net, step, dtype)
    if net.method == "byol-local":
        names = [f"{net.prefix}step.{step}.view.{v}" for v in (3, 4)]
        both += [torch.from_numpy(base.pictures(name, net.batch, LOCAL_SIDE)).to(dtype) for name in names]
    return both


def learning_rates(optimizer, method):
    scale = PEAK[optimizer] / base.PEAK["sgd"]
    # VICReg's loss is 25 times as steep: at the others' rate rounding errors grow to a percent within ten updates.
    scale *= 0.02 if method == "vicreg" else 1
    return [rate * scale for rate in base.learning_rates("sgd")]


def make_optimizer(net, name):
    if name == "lars":
        return None
    s = SETTINGS[name]
    weights = [p for p in net.online.parameters() if p.ndim > 1]
    others = [p for p in net.online.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": s["weightDecay"]}, {"params": others, "weight_decay": 0}]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=0, momentum=s["momentum"])
    return torch.optim.AdamW(groups, lr=0, betas=(s["momentum"], 0.999), eps=EPSILON)


def run(net, name, dtype):
    net.reset(dtype)
    optimizer, momenta, losses, cosines = make_optimizer(net, name), {}, [], []
    for k, (rate, tau) in enumerate(zip(learning_rates(name, net.method), base.taus())):
        net.zero_grad(set_to_none=True)
        loss, cosine = net.loss(*views(net, k, dtype))
        loss.backward()
        if optimizer is None:
            base.update(net, momenta, name, rate, tau, None)
        else:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            if net.method != "fixed-target":
                with torch.no_grad():
                    base.move_target(net, tau)
        losses.append(loss.item())
        cosines.append([cosine.item()])
    return losses, cosines, base.state(net)


def state_scale(name, end):
    """The norm of the tensor; of the deviations for a running mean that is small beside them."""
    own = float(np.linalg.norm(end[name]))
    if not name.endswith("running_mean"):
        return own
    deviations = float(np.linalg.norm(np.sqrt(end[name.removesuffix("mean") + "var"])))
    return deviations if own < 0.1 * deviations else own


def make_case(folder, method):
    net, writer = Networks(method), base.Writer()
    net.inference = []
    case = {
        "name": method, "architecture": "resnet18", "width": 0.25, "stem": "cifar", "side": net.side,
        "batch": net.batch, "pictures": "", "hidden": HIDDEN, "output": OUTPUT, "parameters": net.specs,
        "inferenceStatistics": [],
    }
    right, single = base.both(base.forward, net)
    for place, kind in enumerate(["inference", "training"]):
        case[kind + "Representation"] = writer.entry(kind, right[place], single[place], whole=4096)
    (loss, cosine, grads), (_, _, grads32) = base.both(base.gradients, net)
    case.update(loss=loss, cosines=[cosine])
    case["gradients"] = [
        writer.entry(n, g, grads32[n], 128, base.gradient_scale(n, grads)) for n, g in grads.items()]
    print(f"{method}: loss {loss:.4f}; float32 differs by {writer.worst()}", flush=True)
    case["runs"] = []
    for optimizer in RUNS[method]:
        (losses, cosines, end), (_, _, end32) = base.both(run, net, optimizer)
        case["runs"].append({
            "optimizer": optimizer, **SETTINGS[optimizer], "learningRates": learning_rates(optimizer, method),
            "taus": base.taus(), "losses": losses, "cosines": cosines,
            "state": [writer.entry(n, v, end32[n], 128, state_scale(n, end)) for n, v in end.items()],
        })
        print(f"  {optimizer}: losses {losses[0]:.4f} ... {losses[-1]:.4f}, state differs by {writer.worst()}")
    case["data"] = f"methods-{method}.bin"
    case["sha256"] = writer.write(folder / case["data"])
    return case


def main():
    folder = pathlib.Path(__file__).parent
    torch.manual_seed(0)
    base.views = views  # what `base.gradients` takes a loss of
    manifest = {
        "format": 1, "command": "python make_methods.py", "precision": "float64",
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "buckets": base.BUCKETS, "samples": base.SAMPLES, "cases": [make_case(folder, m) for m in RUNS],
    }
    text = json.dumps(manifest, separators=(",", ":")).replace('{"name"', '\n{"name"')
    (folder / "methods.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
