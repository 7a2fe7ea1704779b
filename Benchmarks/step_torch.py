#!/usr/bin/env python3
"""The peer of `byol benchmark step`: one full BYOL update in PyTorch, as fast as PyTorch does it.

Two views through both networks, the loss, its gradient, the optimizer and the target's move, on
random pictures that are there already. Prints one line of JSON:

    {"images_per_second", "step_seconds", "steps", "peak_memory_bytes", …}

`images_per_second` is the batch over the median step; `peak_memory_bytes` the most memory that the
process ever had resident, libraries included. `--help` explains the flags. Needs torch and
torchvision.
"""

import argparse
import contextlib
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", default="resnet18", help="a ResNet of torchvision")
    parser.add_argument("--width", type=float, default=1, help="factor of every layer's channels; resnet18 alone where it is not 1")
    parser.add_argument("--stem", default="imagenet", choices=["imagenet", "cifar"])
    parser.add_argument("--size", type=int, default=64, help="side of a view in pixels")
    parser.add_argument("--batch", type=int, default=64, help="pictures in an update")
    parser.add_argument("--local-views", type=int, default=0, help="small views of each picture beside the two, for the online network")
    parser.add_argument("--local-size", type=int, default=16, help="side of a small view in pixels")
    parser.add_argument("--hidden", type=int, default=4096, help="hidden units of the heads")
    parser.add_argument("--output", type=int, default=256, help="dimensions of a projection")
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16"],
                        help="bfloat16 is autocast: float32 weights, bfloat16 convolutions")
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "contiguous"])
    parser.add_argument("--optimizer", default="lars", choices=["sgd", "lars"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help="time to measure, after warm-up")
    parser.add_argument("--warmup", type=int, default=2, help="steps not measured")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    return parser.parse_args()


def head(inputs, hidden, output):
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
        nn.Linear(hidden, output, bias=False),
    )


class NarrowResNet(torchvision.models.ResNet):
    """ResNet-18 with `width` times the channels in every layer."""

    def __init__(self, width):
        self.width = width
        super().__init__(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
        stem = int(64 * width)
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.fc = nn.Linear(int(512 * width), 1)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if planes == 64:
            self.inplanes = int(64 * self.width)
        return super()._make_layer(block, int(planes * self.width), blocks, stride, dilate)


def encoder(o):
    if o.width == 1:
        return torchvision.models.get_model(o.encoder, weights=None)
    assert o.encoder == "resnet18", "only a ResNet-18 is made narrower"
    return NarrowResNet(o.width)


class Network(nn.Module):
    """Encoder and projector, with the predictor on the online side."""

    def __init__(self, o, predictor):
        super().__init__()
        self.encoder = encoder(o)
        features = self.encoder.fc.in_features
        self.encoder.fc = nn.Identity()
        if o.stem == "cifar":
            self.encoder.conv1 = nn.Conv2d(3, int(64 * o.width), 3, 1, 1, bias=False)
            self.encoder.maxpool = nn.Identity()
        self.projector = head(features, o.hidden, o.output)
        self.predictor = head(o.output, o.hidden, o.output) if predictor else nn.Identity()

    def forward(self, view):
        return self.predictor(self.projector(self.encoder(view)))


class Optimizer:
    """Momentum, with weight decay and LARS's adaptation (if wanted) for weights only; all tensors in
    few calls (`_foreach_`)."""

    def __init__(self, parameters, adapts):
        self.adapts = adapts
        self.all = list(parameters)
        self.weights = [p for p in self.all if p.ndim > 1]
        self.momenta = [torch.zeros_like(p) for p in self.all]

    @torch.no_grad()
    def step(self, rate, decay=1e-6, trust=1e-3, momentum=0.9):
        gradients = [p.grad for p in self.all]
        decayed = [p.grad for p in self.weights]
        torch._foreach_add_(decayed, self.weights, alpha=decay)
        if self.adapts:
            norms = torch._foreach_norm(self.weights), torch._foreach_norm(decayed)
            ratios = trust * torch.stack(norms[0]) / torch.stack(norms[1])
            ratios = torch.where(torch.isfinite(ratios) & (ratios > 0), ratios, 1.0)
            torch._foreach_mul_(decayed, list(ratios.unbind()))
        torch._foreach_mul_(self.momenta, momentum)
        torch._foreach_add_(self.momenta, gradients)
        torch._foreach_add_(self.all, self.momenta, alpha=-rate)


def main():
    o = options()
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if o.layout == "channels_last" else torch.contiguous_format
    online = Network(o, True).to(memory_format=layout).train()
    target = Network(o, False).to(memory_format=layout).train().requires_grad_(False)
    twins = dict(online.named_parameters())
    moved = [(p, twins[name]) for name, p in target.named_parameters()]
    xi, theta = [p for p, _ in moved], [t.detach() for _, t in moved]
    optimizer = Optimizer(online.parameters(), o.optimizer == "lars")
    views = [
        torch.rand(o.batch, 3, o.size, o.size).to(memory_format=layout) for _ in range(2)
    ]
    # The small views go through the online network together, as in DINO's and SwAV's code: fewer, larger products.
    crops = torch.rand(o.local_views * o.batch, 3, o.local_size, o.local_size).to(memory_format=layout)

    def precision():
        if o.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast("cpu", dtype=torch.bfloat16)

    def loss():
        with precision():
            p1, p2 = online(views[0]), online(views[1])
            small = online(crops) if o.local_views else None
            with torch.no_grad():
                z1, z2 = target(views[0]), target(views[1])
        cosine = lambda p, z: F.cosine_similarity(p.float(), z.float())
        between = cosine(p1, z2) + cosine(p2, z1)
        if small is not None:
            for p in small.chunk(o.local_views):
                between = between + cosine(p, z1) + cosine(p, z2)
        return (2 - 2 * between / (1 + o.local_views)).mean()

    if o.compile:
        loss = torch.compile(loss)

    def step():
        value = loss()
        for p in optimizer.all:
            p.grad = None
        value.backward()
        optimizer.step(0.1)
        with torch.no_grad():
            torch._foreach_lerp_(xi, theta, 0.01)
        return value.item()

    for _ in range(o.warmup):
        step()
    times, end = [], time.monotonic() + o.seconds
    while len(times) < 3 or time.monotonic() < end:
        start = time.perf_counter()
        value = step()
        times.append(time.perf_counter() - start)
    assert value == value, "The loss is not a number."
    median = statistics.median(times)
    print(json.dumps({
        "program": "torch", "version": torch.__version__, "encoder": o.encoder, "stem": o.stem, "width": o.width,
        "size": o.size, "batch": o.batch, "precision": o.precision, "optimizer": o.optimizer, "threads": o.threads,
        "images_per_second": o.batch / median, "step_seconds": median, "steps": len(times),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
