#!/usr/bin/env python3
"""Writes the parity fixture: what PyTorch computes for the BYOL update, in float64.

    python make_parity.py [--only CASE] [--folder FOLDER]
    python make_parity.py --margins CASE     # how near to a kink each prefix of pictures comes

Run it in a virtual environment with `torch` and `torchvision` (the versions used are in
parity.json). It writes `parity.json` (the index, read by ParityFixture.swift) and one
`parity-CASE.bin` of little-endian float32 a case, beside itself.

Weights and pictures are not stored: both sides compute them by one formula.

  key(name)  = FNV-1a 64 of the name's UTF-8 bytes
  word(i)    = the i-th output (from 0) of SplitMix64 seeded with key(name)
  u(i)       = (word(i) >> 40) * 2^-23 - 1                       in [-1, 1), exact in float32
  uniform    : float32(center + scale * u(i))
  signed     : the same value, negated where (word(i) & 3) == 0
  pictures P : P = prefix + "step.K.view.V", K from 0, V = 1 or 2, with the case's prefix;
               float32(0.5 * u["P.fine"](i) + 0.5 * u["P.coarse"](j) + u["P.tone"](k)) where i runs
               over [N, 3, S, S], j over [N, 3, S/8, S/8] and k over [N, 3]: a tone a picture and
               channel, squares of 8 pixels, and noise

All sums in float64, rounded to float32 once. Names are torchvision's under `online.encoder.`,
`online.projector.`, `online.predictor.`, `target.encoder.` and `target.projector.`.

Expected tensors are stored whole where they are small. A larger one of n elements is stored as
64 sums and 16 samples: element i is added to sum number (w >> 58), negated if w is odd, where
w = word(i) of the name "sketch"; sample k is element k * n / 16 (integer division). The norm of
the difference of two such tables of sums estimates the norm of the difference of the tensors
(unbiased in its square, relative deviation about 12 %), so a relative error can be stated without
the tensor.

Errors are relative to `scale`: the tensor's norm, except for biases whose gradient (nearly) cancels
because a batch norm follows and removes any constant: there it is the norm of the same layer's
weight gradient.

Order. In each step the online network sees view 1, then view 2, then so does the target: each view
is a batch of its own for the batch norms, and the running statistics move in this order.

Conditioning. A ReLU or a maximum whose input lies within rounding of its kink makes the gradient
jump, and then no float32 program can agree with float64. So in every case but the smallest
(`plain`) most offsets of the encoders' batch norms are +-3 +- 0.5: most elements lie away from the
kink, and the thousands beyond it still test the mask. The script repeats everything in float32 and
writes the relative difference beside each entry (`float32`), which shows what a tolerance of 1e-4
means; the prefix of a case's pictures was chosen, with `--margins`, so that no element comes near a
kink: its distance relative to the tensor's deviation is well over what float32 rounds. `controls`
says how much the end state of the ten updates moves if an update is wrong in one of the ways that
other implementations are.
"""

import argparse
import hashlib
import json
import math
import pathlib
import platform
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

BUCKETS, SAMPLES = 64, 16
STEPS = 10
HIDDEN, OUTPUT = 128, 64

CASES = [
    # name, architecture, width, stem, side in pixels, batch, prefix of the pictures' names (chosen
    # so that no element lies within rounding of a kink, see above), optimizers
    ("plain", "resnet18", 0.25, "cifar", 16, 8, "", []),
    ("tiny", "resnet18", 0.25, "cifar", 16, 8, "", ["lars", "sgd"]),
    ("resnet18-cifar-half", "resnet18", 0.5, "cifar", 32, 8, "j.", ["lars"]),
    ("resnet18-cifar", "resnet18", 1, "cifar", 32, 8, "d.", ["lars"]),
    ("resnet18", "resnet18", 1, "imagenet", 64, 8, "h.", ["lars", "sgd"]),
    ("resnet50", "resnet50", 1, "imagenet", 64, 8, "", ["lars"]),
]
BLOCKS = {"resnet18": (BasicBlock, [2, 2, 2, 2]), "resnet50": (Bottleneck, [3, 4, 6, 3])}


# The formula.


def key(name):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def words(name, count):
    """The first outputs of SplitMix64 seeded with the name's key."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(key(name))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, count):
    """u in float64."""
    return (words(name, count) >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1


def formula(spec):
    """The float32 values that a parameter's description stands for."""
    count = math.prod(spec["shape"])
    values = spec["center"] + spec["scale"] * uniform(spec["name"], count)
    if spec["kind"] == "signed":
        values = np.where((words(spec["name"], count) & np.uint64(3)) == 0, -values, values)
    return values.astype(np.float32).reshape(spec["shape"])


def pictures(name, batch, side):
    """Pictures `[N, 3, S, S]`, float32."""
    fine = uniform(name + ".fine", batch * 3 * side * side).reshape(batch, 3, side, side)
    coarse = uniform(name + ".coarse", batch * 3 * (side // 8) ** 2)
    coarse = coarse.reshape(batch, 3, side // 8, side // 8).repeat(8, 2).repeat(8, 3)
    tone = uniform(name + ".tone", batch * 3).reshape(batch, 3, 1, 1)
    return (0.5 * fine + 0.5 * coarse + tone).astype(np.float32)


def describe(name, shape, inner, last_norm, plain):
    """Which formula a parameter or statistic follows."""
    spec = {"name": name, "shape": list(shape), "kind": "uniform", "center": 0.0, "scale": 0.1}
    if len(shape) > 1:
        spec["scale"] = math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("running_mean"):
        spec["scale"] = 0.0
    elif name.endswith("running_var"):
        spec.update(center=1.0, scale=0.0)
    elif name.endswith("weight"):
        spec["center"] = 1.0
    elif ".encoder." in name and not plain:  # a batch norm's offset, away from the kink
        centred = "downsample" in name or name.endswith(last_norm)
        spec.update(kind="signed" if inner else "uniform", center=0.0 if centred else 3.0, scale=0.5)
    return spec


def inference_statistics(name, shape):
    """Statistics that are far from those of a new network."""
    var = name.endswith("running_var")
    spec = {"name": name, "shape": list(shape), "kind": "uniform"}
    return spec | ({"center": 2.0, "scale": 1.0} if var else {"center": 0.0, "scale": 0.5})


# The networks.


def encoder(architecture, width, stem):
    """torchvision's ResNet without its classifier, with a width factor and the CIFAR stem."""
    block, layers = BLOCKS[architecture]
    net = ResNet(block, layers)
    c = net.inplanes = round(64 * width)
    if stem == "cifar":
        net.conv1 = nn.Conv2d(3, c, 3, 1, 1, bias=False)
        net.maxpool = nn.Identity()
    else:
        net.conv1 = nn.Conv2d(3, c, 7, 2, 3, bias=False)
    net.bn1 = nn.BatchNorm2d(c)
    for i in range(4):
        stage = net._make_layer(block, c << i, layers[i], stride=1 if i == 0 else 2)
        setattr(net, f"layer{i + 1}", stage)
    net.fc = nn.Identity()
    return net, 8 * c * block.expansion


def head(inputs):
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(),
        nn.Linear(HIDDEN, OUTPUT, bias=False),
    )


def inner_norms(net):
    """Names of the batch norms whose result goes into another convolution of the same block."""
    last = "bn3" if isinstance(net.layer1[0], Bottleneck) else "bn2"
    return {
        name for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d) and "layer" in name
        and not name.endswith(last) and "downsample" not in name
    }


def is_inner(name, inner):
    return name.split(".encoder.")[-1].rsplit(".", 1)[0] in inner


class Networks(nn.Module):
    """Both networks, with the names of the fixture."""

    def __init__(self, architecture, width, stem, plain):
        super().__init__()
        self.online, self.target = nn.Module(), nn.Module()
        self.online.encoder, features = encoder(architecture, width, stem)
        self.target.encoder, _ = encoder(architecture, width, stem)
        self.online.projector, self.target.projector = head(features), head(features)
        self.online.predictor = head(OUTPUT)
        inner = inner_norms(self.online.encoder)
        last_norm = "layer4.2.bn3.bias" if architecture == "resnet50" else "layer4.1.bn2.bias"
        self.specs = [
            describe(name, value.shape, is_inner(name, inner), last_norm, plain)
            for name, value in sorted(self.state_dict().items())
            if not name.endswith("num_batches_tracked")
        ]

    def reset(self, dtype):
        """Formula weights in the given precision."""
        self.to(torch.float64)
        values = {s["name"]: torch.from_numpy(formula(s).astype(np.float64)) for s in self.specs}
        self.load_state_dict(values, strict=False)
        self.to(dtype).train()
        self.target.requires_grad_(False)
        self.zero_grad(set_to_none=True)

    def predict(self, view):
        return self.online.predictor(self.online.projector(self.online.encoder(view)))

    def project(self, view):
        with torch.no_grad():
            return self.target.projector(self.target.encoder(view))

    def loss(self, first, second):
        """BYOL's loss and the mean cosine of each direction. The order is part of the fixture,
        because the running statistics depend on it: each network sees view 1, then view 2."""
        p1, p2 = self.predict(first), self.predict(second)
        z1, z2 = self.project(first), self.project(second)
        cosines = torch.stack([
            (F.normalize(p1) * F.normalize(z2)).sum(1), (F.normalize(p2) * F.normalize(z1)).sum(1)
        ])
        return (2 - 2 * cosines).sum(0).mean(), cosines.mean(1)


def views(net, step, dtype):
    names = [f"{net.prefix}step.{step}.view.{v}" for v in (1, 2)]
    return [torch.from_numpy(pictures(name, net.batch, net.side)).to(dtype) for name in names]


# The update.

SETTINGS = {
    "lars": {"weightDecay": 0.1, "momentum": 0.9, "trustCoefficient": 0.002},
    "sgd": {"weightDecay": 0.1, "momentum": 0.9, "trustCoefficient": 0},
}
PEAK = {"lars": 0.02, "sgd": 0.001}
BASE_TAU = 0.9
# The traps of other implementations, each a wrong update: the fixture must tell them apart.
CONTROLS = [
    "noWeightDecay", "decayOnBiases", "adaptBiases", "nesterov", "tauBeforeUpdate",
    "meanOfDirections", "targetInference", "viewsShareBatch", "biasedVariance",
]


def learning_rates(optimizer):
    """Linear warm-up of four steps, then cosine."""
    peak = PEAK[optimizer]
    cosine = [peak * 0.5 * (1 + math.cos(math.pi * k / (STEPS - 4))) for k in range(STEPS - 4)]
    return [peak * (k + 1) / 5 for k in range(4)] + cosine


def taus():
    return [1 - (1 - BASE_TAU) * (math.cos(math.pi * k / STEPS) + 1) / 2 for k in range(STEPS)]


def move_target(net, tau):
    online = dict(net.online.named_parameters())
    for name, xi in net.target.named_parameters():
        xi.mul_(tau).add_(online[name], alpha=1 - tau)


@torch.no_grad()
def update(net, momenta, optimizer, rate, tau, control):
    s = SETTINGS[optimizer]
    if control == "tauBeforeUpdate":
        move_target(net, tau)
    for name, p in net.online.named_parameters():
        g, excluded = p.grad.clone(), p.ndim == 1
        if (not excluded or control == "decayOnBiases") and control != "noWeightDecay":
            g += s["weightDecay"] * p
        if optimizer == "lars" and (not excluded or control == "adaptBiases"):
            pn, gn = p.norm(), g.norm()
            if pn > 0 and gn > 0:
                g *= s["trustCoefficient"] * pn / gn
        m = momenta[name] = s["momentum"] * momenta[name] + g if name in momenta else g
        p -= rate * (g + s["momentum"] * m if control == "nesterov" else m)
    if control != "tauBeforeUpdate":
        move_target(net, tau)


def wrong_loss(net, first, second, control):
    """The loss of one of the wrong updates that differ in the forward pass."""
    if control == "meanOfDirections":
        loss, cosines = net.loss(first, second)
        return loss / 2, cosines
    if control == "targetInference":
        net.target.eval()
    if control == "viewsShareBatch":
        both = torch.cat([first, second])
        p, z = F.normalize(net.predict(both)), F.normalize(net.project(both).roll(len(first), 0))
        cosines = (p * z).sum(1).reshape(2, -1)
        return (2 - 2 * cosines).sum(0).mean(), cosines.mean(1)
    return net.loss(first, second)


def run(net, optimizer, dtype, control=None):
    """Ten updates: losses, cosines and the end state."""
    net.reset(dtype)
    if control == "biasedVariance":
        rebias(net)
    momenta, losses, cosines = {}, [], []
    for k, (rate, tau) in enumerate(zip(learning_rates(optimizer), taus())):
        net.zero_grad(set_to_none=True)
        loss, cosine = wrong_loss(net, *views(net, k, dtype), control)
        loss.backward()
        update(net, momenta, optimizer, rate, tau, control)
        losses.append(loss.item())
        cosines.append(cosine.tolist())
    for handle in getattr(net, "handles", []):
        handle.remove()
    return losses, cosines, state(net)


def rebias(net):
    """Makes the running variances those of a population: a wrong choice, for the controls."""

    def hook(module, inputs, _):
        x = inputs[0]
        n = x.numel() // x.shape[1]
        axes = [a for a in range(x.ndim) if a != 1]
        module.running_var.data -= 0.1 * x.detach().var(axes, unbiased=True) / n

    net.handles = [
        m.register_forward_hook(hook) for m in net.modules()
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))
    ]


def state(net):
    return {
        name: value.double().numpy().copy() for name, value in sorted(net.state_dict().items())
        if not name.endswith("num_batches_tracked")
    }


# Writing.


class Writer:
    """Collects float32 words and makes the entries that point at them."""

    def __init__(self):
        self.words, self.errors = [], []

    def add(self, values):
        at = len(self.words)
        self.words.extend(np.asarray(values, dtype=np.float32).tolist())
        return at

    def entry(self, name, truth, single, whole, scale=None):
        norm = float(np.linalg.norm(truth))
        scale = norm if scale is None else scale
        error = float(np.linalg.norm(truth - single)) / scale
        self.errors.append((error, name))
        result = {"name": name, "shape": list(truth.shape), "norm": norm}
        if scale != norm:
            result["scale"] = scale
        flat = truth.reshape(-1)
        if flat.size <= whole:
            result["values"] = self.add(flat)
        else:
            w = words("sketch", flat.size)
            signed = np.where(w & np.uint64(1), -flat, flat)
            sums = np.bincount((w >> np.uint64(58)).astype(np.int64), signed, BUCKETS)
            result["sums"] = self.add(sums)
            result["samples"] = self.add(flat[np.arange(SAMPLES) * flat.size // SAMPLES])
        result["float32"] = float(f"{error:.2g}")
        return result

    def worst(self):
        """The three largest float32 errors since the last call, for the log."""
        errors, self.errors = sorted(self.errors, reverse=True)[:3], []
        return ", ".join(f"{error:.1e} {name}" for error, name in errors)

    def write(self, path):
        data = np.asarray(self.words, dtype="<f4").tobytes()
        path.write_bytes(data)
        return hashlib.sha256(data).hexdigest()


def forward(net, dtype):
    """The representations of view 1 of step 0: with running statistics, and with the batch's."""
    net.reset(dtype)
    view = views(net, 0, dtype)[0]
    with torch.no_grad():
        training = net.online.encoder(view).double().numpy()
        buffers = dict(net.named_buffers())
        for spec in net.inference:
            buffers[spec["name"]].copy_(torch.from_numpy(formula(spec)))
        net.online.encoder.eval()
        return net.online.encoder(view).double().numpy(), training


def gradients(net, dtype):
    net.reset(dtype)
    loss, cosines = net.loss(*views(net, 0, dtype))
    loss.backward()
    grads = {
        "online." + name: p.grad.double().numpy().copy()
        for name, p in sorted(net.online.named_parameters())
    }
    return loss.item(), cosines.tolist(), grads


def gradient_scale(name, grads):
    """The gradient's own norm, except for a bias whose gradient (nearly) cancels."""
    own = float(np.linalg.norm(grads[name]))
    if not name.endswith("bias"):
        return own
    weight = float(np.linalg.norm(grads[name.removesuffix("bias") + "weight"]))
    return weight if own < 0.1 * weight else own


def formula_checks(net, writer):
    """A few of the formula's own tensors, so that a reader can check its arithmetic."""
    names = ["online.encoder.layer1.0.bn1.bias", "online.encoder.layer1.0.conv1.weight"]
    tensors = {s["name"]: formula(s).astype(np.float64) for s in net.specs if s["name"] in names}
    view = f"{net.prefix}step.0.view.1"
    tensors[view] = pictures(view, net.batch, net.side).astype(np.float64)
    return [writer.entry(n, v, v, 128) for n, v in tensors.items()]


def both(function, *arguments):
    return function(*arguments, torch.float64), function(*arguments, torch.float32)


def distance(right, wrong):
    """The largest relative difference of two end states, tensor by tensor."""
    return max(
        float(np.linalg.norm(right[n] - wrong[n]) / np.linalg.norm(right[n])) for n in right
    )


def margins(name, architecture, width, stem, side, batch, _, optimizers):
    """Prints, for each prefix, the least distance of any rectifier's input from 0 over its deviation:
    in the gradient of the first update, and in the ten updates of each optimizer."""
    net = Networks(architecture, width, stem, name == "plain")
    net.side, net.batch = side, batch
    least = [math.inf]

    def hook(_, inputs):
        x = inputs[0].detach()
        least[0] = min(least[0], float(x.abs().min() / x.std()))

    for module in net.online.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_pre_hook(hook)
    for prefix in [""] + [f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz"]:
        net.prefix = prefix
        found = []
        for work in [gradients] + [lambda n, d, o=o: run(n, o, d) for o in optimizers]:
            least[0] = math.inf
            work(net, torch.float64)
            found.append(f"{least[0]:.1e}")
        print(f"{name}, prefix {prefix!r}: {', '.join(found)}", flush=True)


def make_case(folder, name, architecture, width, stem, side, batch, prefix, optimizers):
    net, writer = Networks(architecture, width, stem, name == "plain"), Writer()
    net.side, net.batch, net.prefix = side, batch, prefix
    net.inference = [
        inference_statistics(s["name"], s["shape"]) for s in net.specs
        if s["name"].startswith("online.encoder.") and "running_" in s["name"]
    ]
    case = {
        "name": name, "architecture": architecture, "width": width, "stem": stem, "side": side,
        "batch": batch, "pictures": prefix, "hidden": HIDDEN, "output": OUTPUT, "parameters": net.specs,
        "inferenceStatistics": net.inference,
    }
    if name == "tiny":
        case["formula"] = formula_checks(net, writer)
    right, single = both(forward, net)
    for place, kind in enumerate(["inference", "training"]):
        case[kind + "Representation"] = writer.entry(
            kind, right[place], single[place], whole=4096)

    (loss, cosines, grads), (loss32, _, grads32) = both(gradients, net)
    case.update(loss=loss, cosines=cosines, lossFloat32=abs(loss32 - loss) / loss)
    case["gradients"] = []
    for n, g in grads.items():
        case["gradients"].append(writer.entry(n, g, grads32[n], 128, gradient_scale(n, grads)))
    print(f"{name}: float32 differs by {writer.worst()}", flush=True)

    case["runs"] = []
    for optimizer in optimizers:
        (losses, cos, end), (losses32, _, end32) = both(run, net, optimizer)
        difference = max(abs(a - b) / a for a, b in zip(losses, losses32))
        result = {
            "optimizer": optimizer, **SETTINGS[optimizer],
            "learningRates": learning_rates(optimizer), "taus": taus(), "losses": losses,
            "cosines": cos, "lossesFloat32": float(f"{difference:.2g}"),
            "state": [writer.entry(n, v, end32[n], 128) for n, v in end.items()],
        }
        if name == "tiny":
            result["controls"] = {
                control: distance(end, run(net, optimizer, torch.float64, control)[2])
                for control in CONTROLS if not (optimizer == "sgd" and control == "adaptBiases")
            }
            print("  controls", {k: f"{v:.1e}" for k, v in result["controls"].items()})
        case["runs"].append(result)
        print(f"  {optimizer}: losses {losses[0]:.4f} … {losses[-1]:.4f}, float32 differs by "
              f"{difference:.1e}, state by {writer.worst()}", flush=True)
    case["data"] = f"parity-{name}.bin"
    case["sha256"] = writer.write(folder / case["data"])
    return case


def main():
    parser = argparse.ArgumentParser(description="Writes the parity fixture.")
    here = pathlib.Path(__file__).parent
    parser.add_argument("--folder", type=pathlib.Path, default=here)
    parser.add_argument("--only", help="make this case anew, keep the others")
    parser.add_argument("--margins", metavar="CASE", help="search this case's prefix; write nothing")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.margins:
        return margins(*next(c for c in CASES if c[0] == options.margins))
    path = options.folder / "parity.json"
    kept = {}
    if options.only:
        kept = {c["name"]: c for c in json.loads(path.read_text())["cases"]}
    cases = [
        make_case(options.folder, *c) if options.only in (None, c[0]) else kept[c[0]]
        for c in CASES
    ]
    manifest = {
        "format": 1, "command": "python make_parity.py", "precision": "float64",
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__,
            "torchvision": torchvision.__version__, "numpy": np.__version__,
        },
        "buckets": BUCKETS, "samples": SAMPLES, "cases": cases,
    }
    text = json.dumps(manifest, indent=None, separators=(",", ":"))
    text = text.replace('{"name"', '\n{"name"')
    path.write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
