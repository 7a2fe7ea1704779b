#!/usr/bin/env python3
"""Does `byol train` learn as much as lightly's building blocks do, from an equal recipe, equal data and equal updates?

    pip install torch torchvision lightly safetensors
    python Benchmarks/learning_lightly.py --set eurosat=FOLDER --work /tmp/learning-lightly
    python Benchmarks/learning_lightly.py --set eurosat=FOLDER --work /tmp/learning-lightly --selftest

FOLDER holds `train/<class>/…`; a hold-out is cut from it (`runs.split`), and nothing else is read. For each seed and method
our binary and a loop of PyTorch train on the same pictures. Both encoders are then judged by `byol evaluate`: what PyTorch
trained is written as a model file of ours. `--selftest` shows that this path changes no figure, and that another tensor does.

Speed is not compared here: the loop makes its views in one process, so that a run can be repeated. `training_lightly.py`
compares speed. A run that is in `WORK/results.jsonl` is not made again; the table is written after each seed.

What is equal on both sides:
- torchvision's ResNet-18 of a quarter of the width with a 3×3 stem and no max pooling; convolutions and linear layers start
  from the same distributions, with other random numbers.
- Heads of 512 hidden and 128 output units: Linear → batch norm → ReLU → Linear without bias. lightly's own heads have a bias
  in the last layer, and SimCLR's has a batch norm after it, so that both are made from its `ProjectionHead`.
- AdamW with weight decay on weights alone, PyTorch's one-cycle schedule of the rate without that of the momentum, float32,
  batches of 256, whole batches only.
- BYOL: τ = 0.99 throughout, after the optimizer's step; the loss is the sum of both directions, in 0…8; the target starts from
  weights of its own, as in the authors' code and ours (lightly's example copies the online network). SimCLR: temperature 0.2.
- Views: lightly's transforms of 32 pixels without blur, as in lightly's own benchmark on CIFAR-10 (at this side our kernel has
  three taps and Pillow's has not), and with bicubic resampling as ours. The jitter of SimCLR has half of its strength, as
  lightly advises for small pictures. ImageNet's normalisation.

What is not equal: the arithmetic of the jitter. torchvision multiplies by a factor of brightness where we add a value, as the
authors do; ours is given torchvision's strength times the mean of the training pictures, so that both change a mean picture as
much. Its contrast turns about the mean of the gray picture, ours about each channel's; its saturation blends with gray, ours
is HSV's. Pillow rounds to bytes after each step. On 30 pictures of EuroSAT with 64 views of each, views were alike within 3 %
in their mean brightness, contrast and detail and in how much brightness varies; contrast and colour varied 6 … 16 % less in
ours.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from lightly.loss import NegativeCosineSimilarity, NTXentLoss
from lightly.models.modules.heads import ProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.byol_transform import BYOLTransform, BYOLView1Transform, BYOLView2Transform
from lightly.transforms.simclr_transform import SimCLRTransform
from lightly.transforms.utils import IMAGENET_NORMALIZE
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.transforms import InterpolationMode

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import runs  # noqa: E402

METHODS = ["byol", "simclr"]
PROGRAMS = ["ours", "lightly"]
PROTOCOLS = ["knn-20", "linear"]
KEY = ["set", "method", "program", "precision", "updates", "seed"]

SIDE, BATCH, CHANNELS, HIDDEN, OUTPUT = 32, 256, 16, 512, 128
PEAK_RATE, WEIGHT_DECAY, TAU, TEMPERATURE = 0.004, 0.01, 0.99, 0.2
# The names of lightly's arguments; brightness is torchvision's factor.
JITTER = {
    "byol": {"cj_prob": 0.8, "cj_bright": 0.4, "cj_contrast": 0.4, "cj_sat": 0.2, "cj_hue": 0.1},
    "simclr": {"cj_prob": 0.8, "cj_bright": 0.4, "cj_contrast": 0.4, "cj_sat": 0.4, "cj_hue": 0.1},
}
VIEW = {"min_scale": 0.08, "random_gray_scale": 0.2, "gaussian_blur": 0.0, "hf_prob": 0.5}
SOLARIZED = {"byol": (0.0, 0.2), "simclr": (0.0, 0.0)}

NAMES = {"byol": "BYOL", "simclr": "SimCLR", "ours": "byol train", "lightly": "lightly's blocks in PyTorch"}
FIGURES = re.compile(r"step (\d+)/\d+ .* loss (\S+)  cosine (\S+)  (\S+) img/s")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, metavar="NAME=FOLDER", dest="pictures")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where the split, models and results are kept")
    parser.add_argument("--updates", type=int, default=400, help="updates of a run at a batch of 256")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", default=",".join(METHODS), help="some of byol,simclr")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="of ours; PyTorch has float32")
    parser.add_argument("--threads", type=int, default=1, help="threads of both programs")
    parser.add_argument("--byol", default=runs.BYOL)
    parser.add_argument("--output", type=pathlib.Path, default=runs.ROOT / "docs/benchmarks/learning-lightly.md")
    parser.add_argument("--selftest", action="store_true", help="check the way from PyTorch to the judge, and end")
    o = parser.parse_args()
    o.methods = o.methods.split(",")
    if set(o.methods) - set(METHODS):
        parser.error(f"--methods takes some of {','.join(METHODS)}")
    if "=" not in o.pictures:
        parser.error("--set is NAME=FOLDER")
    return o


def say(text):
    print(text, file=sys.stderr, flush=True)


# MARK: The recipe, once for each side


def flags(o, method, seed, mean):
    """The recipe as flags of ours; `mean` is that of the training pictures in 0…1."""
    jitter = JITTER[method]
    chosen = {
        "preset": "small", "method": method, "seed": seed, "updates": o.updates, "precision": o.precision,
        "width": CHANNELS / 64, "stem": "cifar", "image-size": SIDE, "embedding": "representation", "embedding-size": 2 * SIDE,
        "hidden": HIDDEN, "projector-output": OUTPUT, "batch-size": BATCH, "optimizer": "adamw", "rate-schedule": "one-cycle",
        "base-learning-rate": PEAK_RATE, "weight-decay": WEIGHT_DECAY, "momentum": 0.9, "second-moment-decay": 0.999,
        "augmentations.normalization.mean": ",".join(map(str, IMAGENET_NORMALIZE["mean"])),
        "augmentations.normalization.deviation": ",".join(map(str, IMAGENET_NORMALIZE["std"])), "threads": o.threads,
        # Nothing is judged on the way: it would be no part of the recipe, only of the time.
        "evaluate-every": 0,
    }
    if method == "byol":
        chosen |= {"negatives-weight": 0, "base-tau": TAU, "tau-schedule": "constant"}
    else:
        chosen |= {"temperature": TEMPERATURE}
    for view, solarized in zip(("first", "second"), SOLARIZED[method]):
        settings = {
            "crop-area": f"{VIEW['min_scale']},1", "crop-aspect": f"0.75,{4 / 3:.7f}", "flip-probability": VIEW["hf_prob"],
            "color-jitter-probability": jitter["cj_prob"], "brightness": round(jitter["cj_bright"] * mean, 4),
            "contrast": jitter["cj_contrast"], "saturation": jitter["cj_sat"], "hue": jitter["cj_hue"],
            "grayscale-probability": VIEW["random_gray_scale"], "blur-probability": VIEW["gaussian_blur"],
            "solarize-probability": solarized, "vertical-flip-probability": 0, "quarter-turn-probability": 0}
        chosen |= {f"augmentations.{view}.{name}": value for name, value in settings.items()}
    return [part for name, value in chosen.items() for part in (f"--{name}", str(value))]


def transform(method):
    """lightly's transform of a picture into two views."""
    settings = JITTER[method] | VIEW | {"input_size": SIDE, "normalize": IMAGENET_NORMALIZE}
    if method == "byol":
        first, second = SOLARIZED[method]
        both = BYOLTransform(
            BYOLView1Transform(solarization_prob=first, **settings), BYOLView2Transform(solarization_prob=second, **settings))
    else:
        both = SimCLRTransform(**settings)
    for view in both.transforms:
        steps = getattr(view, "transform", view).transforms
        steps[0].interpolation = InterpolationMode.BICUBIC
    return both


# MARK: PyTorch's side


class Pictures(torch.utils.data.Dataset):
    """All pictures below a folder, decoded once into memory; each item is two views."""

    def __init__(self, folder):
        files = sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())
        self.pixels = [np.asarray(Image.open(path).convert("RGB")) for path in files]
        self.transform = None

    def mean(self):
        return statistics.mean(float(pixels.mean()) for pixels in self.pixels) / 255

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index]))


def encoder():
    """torchvision's ResNet-18 with the stem and the width of ours, started as torchvision starts it."""
    model = ResNet(BasicBlock, [2, 2, 2, 2])
    model.conv1 = torch.nn.Conv2d(3, CHANNELS, 3, stride=1, padding=1, bias=False)
    model.bn1, model.inplanes = torch.nn.BatchNorm2d(CHANNELS), CHANNELS
    model.maxpool = model.fc = torch.nn.Identity()
    for stage in range(4):
        made = model._make_layer(BasicBlock, CHANNELS << stage, 2, stride=1 if stage == 0 else 2)
        setattr(model, f"layer{stage + 1}", made)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model


def head(inputs):
    """lightly's projection head with the biases of ours."""
    return ProjectionHead([
        (inputs, HIDDEN, torch.nn.BatchNorm1d(HIDDEN), torch.nn.ReLU(), True), (HIDDEN, OUTPUT, None, None, False)])


class BYOL(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.projector, self.predictor = encoder(), head(8 * CHANNELS), head(OUTPUT)
        self.target = torch.nn.Sequential(encoder(), head(8 * CHANNELS))
        deactivate_requires_grad(self.target)
        self.criterion = NegativeCosineSimilarity()

    def forward(self, first, second):
        """The loss in 0…8 and the mean cosine."""
        with torch.no_grad():
            targets = self.target(first), self.target(second)
        predictions = [self.predictor(self.projector(self.encoder(view))) for view in (first, second)]
        # Each direction is minus the mean cosine.
        both = self.criterion(predictions[0], targets[1]) + self.criterion(predictions[1], targets[0])
        return 4 + 2 * both, -both.detach() / 2

    def updated(self):
        update_momentum(self.encoder, self.target[0], TAU)
        update_momentum(self.projector, self.target[1], TAU)


class SimCLR(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.projector = encoder(), head(8 * CHANNELS)
        self.criterion = NTXentLoss(temperature=TEMPERATURE)

    def forward(self, first, second):
        """NT-Xent and the mean cosine of the views of a picture."""
        z, other = (self.projector(self.encoder(view)) for view in (first, second))
        cosine = torch.nn.functional.cosine_similarity(z.detach(), other.detach()).mean()
        return self.criterion(z, other), cosine

    def updated(self):
        pass


def optimizer_and_schedule(model, updates):
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in learned if p.dim() > 1], "weight_decay": WEIGHT_DECAY},
         {"params": [p for p in learned if p.dim() == 1], "weight_decay": 0}],
        lr=PEAK_RATE, betas=(0.9, 0.999), eps=1e-8)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=updates, cycle_momentum=False)
    return optimizer, schedule


def train_lightly(o, method, seed, pictures):
    """The trained encoder, the seconds that it took, and the curve: (update, loss, cosine)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    pictures.transform = transform(method)
    loader = torch.utils.data.DataLoader(pictures, batch_size=BATCH, shuffle=True, drop_last=True)
    model = {"byol": BYOL, "simclr": SimCLR}[method]().train().to(memory_format=torch.channels_last)
    optimizer, schedule = optimizer_and_schedule(model, o.updates)
    curve, step, began, shown = [], 0, time.monotonic(), time.monotonic()
    while step < o.updates:
        for views in loader:
            first, second = (view.contiguous(memory_format=torch.channels_last) for view in views)
            loss, cosine = model(first, second)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            model.updated()
            schedule.step()
            step += 1
            curve.append((step, round(loss.item(), 4), round(cosine.item(), 4)))
            if not np.isfinite(curve[-1][1]):
                sys.exit(f"The loss of {method} with lightly's blocks is not finite at update {step}, seed {seed}.")
            now = time.monotonic()
            if now - shown >= 30 or step in (1, o.updates):
                shown, rate = now, step * BATCH / (now - began)
                left = (o.updates - step) * BATCH / rate
                say(f"  lightly {method} seed {seed}: step {step}/{o.updates}  loss {curve[-1][1]:.4f}  "
                    f"cosine {curve[-1][2]:.4f}  {rate:.1f} img/s  {duration(left)} left")
            if step == o.updates:
                break
    return model.encoder, time.monotonic() - began, curve


# MARK: Our side


def train_ours(o, folder, method, seed, mean, run):
    """The seconds that a run of ours took, and its curve, of the updates that it printed."""
    shutil.rmtree(run, ignore_errors=True)
    command = [o.byol, "train", "--pictures", str(folder), "--output", str(run), *flags(o, method, seed, mean)]
    began, curve, lines, shown = time.monotonic(), [], [], 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        lines.append(line)
        found = FIGURES.match(line)
        if not found:
            continue
        curve.append((int(found[1]), float(found[2]), float(found[3])))
        if time.monotonic() - shown >= 30:
            shown = time.monotonic()
            say(f"  ours {method} seed {seed}: {line.strip()}")
    if process.wait():
        sys.exit(f"{' '.join(command)}\n{''.join(lines)[-2000:]}")
    return time.monotonic() - began, curve


def newest_model(run):
    steps = [int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit()]
    return run / "checkpoints" / str(max(steps)) / "model.safetensors"


def judged(o, model):
    """What `byol evaluate` says of a model file on the hold-out, in float32 whoever trained it."""
    return json.loads(runs.finish([
        o.byol, "evaluate", "--model", str(model), "--dataset", str(o.work / "dataset"), "--protocols", ",".join(PROTOCOLS),
        "--without-baselines", "--precision", "float32", "--threads", str(o.threads), "--json"]))


# MARK: Model files


def written(model, template, path):
    """Writes an encoder of torchvision's names as a model file with the metadata of `template`."""
    with safe_open(template, "pt") as file:
        facts, names = file.metadata(), set(file.keys())
    tensors = {name: tensor.detach().float().contiguous() for name, tensor in model.state_dict().items()
               if not name.endswith("num_batches_tracked")}
    if set(tensors) != names:
        sys.exit(f"The encoders have other tensors: {sorted(set(tensors) ^ names)[:8]}")
    # The digest is that of the file with zeros in its own place.
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=facts | {"byol.sha256": "0" * 64})
    data = path.read_bytes()
    place = data.index(b'"' + b"0" * 64 + b'"') + 1
    digest = hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(data[:place] + digest + data[place + 64:])


def read(path):
    """The encoder of a model file as torchvision's network."""
    model = encoder()
    missing, unexpected = model.load_state_dict(load_file(path), strict=False)
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        sys.exit(f"{path} is another network: missing {missing}, unexpected {unexpected}.")
    return model


# MARK: The study


def measured(o, results, method, program, seed, folder, pictures):
    precision = o.precision if program == "ours" else "float32"
    wanted = (o.pictures.partition("=")[0], method, program, precision, o.updates, seed)
    if wanted in results:
        return results[wanted]
    name = "-".join(map(str, (method, precision, o.updates, seed)))
    ours, model = o.work / "models" / f"ours-{method}-{o.precision}-{o.updates}-{seed}.safetensors", None
    if program == "ours":
        run = o.work / "runs" / name
        seconds, curve = train_ours(o, folder, method, seed, pictures.mean(), run)
        ours.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(newest_model(run), ours)
        if not (o.work / "dataset").exists():
            (run / "dataset").rename(o.work / "dataset")
        shutil.rmtree(run)
        model = ours
    else:
        trained, seconds, curve = train_lightly(o, method, seed, pictures)
        model = o.work / "models" / f"lightly-{name}.safetensors"
        written(trained, ours, model)
    result = dict(zip(KEY, wanted))
    result |= {"seconds": round(seconds, 1), "threads": o.threads, "report": judged(o, model), "curve": curve}
    with open(o.work / "results.jsonl", "a") as file:
        file.write(json.dumps(result) + "\n")
    results[wanted] = result
    shown = " / ".join(f"{value:.2f}" for value in figures(result))
    say(f"{method}, {program}, seed {seed}: {shown} % ({', '.join(PROTOCOLS)}), {seconds:.0f} s, "
        f"cosine {curve[0][2]:.3f} to {curve[-1][2]:.3f}")
    return result


def figures(result):
    row = next(row for row in result["report"]["rows"] if row["subject"] == "model")
    return [100 * accuracy["top1"] for accuracy in row["accuracies"]]


def cell(values, signed=False):
    sign = "+" if signed else ""
    mean = f"{statistics.mean(values):{sign}.1f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.1f}"


def duration(seconds):
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def verdict(method, differences):
    """A sentence on whether ours is within one point of lightly's or better, with the chance of the seeds."""
    mean = statistics.mean(differences)
    words = "within one point or better" if mean >= -1 else "MORE than one point worse"
    if len(differences) < 2:
        return f"{NAMES[method]}: k-NN differs by {mean:+.1f} points, {words}; one seed says little."
    error = statistics.stdev(differences) / len(differences) ** 0.5
    near = ", but less than two standard errors from that limit" if abs(mean + 1) < 2 * error else ""
    return f"{NAMES[method]}: k-NN differs by {mean:+.1f} points (standard error {error:.1f}), {words}{near}."


def table(o, found, seeds):
    """Writes the table; `found` is {(method, program): results by seed}."""
    name = o.pictures.partition("=")[0]
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in ("lightly", "torch", "torchvision"))
    version = runs.finish([o.byol, "--version"]).strip()
    precision = "" if o.precision == "float32" else f"; ours in {o.precision}"
    lines = [
        "# What is learned, against lightly", "",
        f"{name}, from an equal recipe: ResNet-18 × {CHANNELS / 64}, views of {SIDE} px, {o.updates} updates of {BATCH} "
        f"pictures, {seeds} seeds{precision}. Both encoders are judged by `byol evaluate` on a hold-out of the training "
        "pictures. What is equal and what is not is told in `Benchmarks/learning_lightly.py`; speed is not compared (the loop "
        "makes its views in one process).", "",
        f"{time.strftime('%Y-%m-%d')} · {runs.processor()}, {os.cpu_count()} threads, {o.threads} used; the seconds "
        f"are of a machine that may have done other work · byol {version} · {versions}", "",
        "| | | k-NN (20), % | linear probe, % | cosine of the last update | seconds per run |", "|---|---|---|---|---|---|"]
    verdicts = []
    for method in o.methods:
        values = {}
        for program in PROGRAMS:
            results = found[method, program]
            values[program] = list(zip(*map(figures, results)))
            cosines = statistics.mean(result["curve"][-1][2] for result in results)
            seconds = statistics.mean(result["seconds"] for result in results)
            lines.append(f"| {NAMES[method]} | {NAMES[program]} | " + " | ".join(map(cell, values[program]))
                         + f" | {cosines:.3f} | {seconds:.0f} |")
        differences = [[a - b for a, b in zip(*columns)] for columns in zip(values["ours"], values["lightly"])]
        lines.append(f"| | **difference**, seed by seed | " + " | ".join(f"**{cell(d, signed=True)}**" for d in differences)
                     + " | | |")
        verdicts.append(verdict(method, differences[0]))
    command = (f"python Benchmarks/learning_lightly.py --set {name}=FOLDER --work WORK --updates {o.updates} --seeds {seeds} "
               f"--methods {','.join(o.methods)} --precision {o.precision} --threads {o.threads}")
    lines += ["", " ".join(verdicts) + " The seeds of the two programs have nothing in common but their number.", "",
              f"    {command}"]
    o.output.parent.mkdir(parents=True, exist_ok=True)
    o.output.write_text("\n".join(lines) + "\n")
    print(o.output.read_text(), flush=True)


def study(o, folder):
    path = o.work / "results.jsonl"
    stored = map(json.loads, path.read_text().splitlines()) if path.exists() else []
    results = {tuple(result[key] for key in KEY): result for result in stored}
    pictures = Pictures(folder / "train")
    say(f"{len(pictures)} training pictures, mean {pictures.mean():.4f}.")
    found = {(method, program): [] for method in o.methods for program in PROGRAMS}
    # Seed by seed, so that a study that is stopped early has whole columns.
    for seed in range(o.seeds):
        for pair in found:
            found[pair].append(measured(o, results, *pair, seed, folder, pictures))
            left = sum((o.seeds - len(r)) * statistics.mean(x["seconds"] for x in r) for r in found.values() if r)
            if all(found.values()):
                say(f"About {duration(left)} of training left.")
        table(o, found, seed + 1)


def selftest(o, folder):
    """Our weights through PyTorch to the judge: the same figures; with one tensor changed, others."""
    stored = sorted((o.work / "models").glob("ours-*.safetensors"))
    if stored and (o.work / "dataset").exists():
        model = stored[0]
    else:
        o.updates, run = min(o.updates, 20), o.work / "runs" / "selftest"
        train_ours(o, folder, "byol", 0, 0.4, run)
        model = o.work / "selftest-model.safetensors"
        shutil.copyfile(newest_model(run), model)
        shutil.rmtree(o.work / "dataset", ignore_errors=True)
        (run / "dataset").rename(o.work / "dataset")
        shutil.rmtree(run)
    network = read(model)
    copy, changed = o.work / "selftest-copy.safetensors", o.work / "selftest-changed.safetensors"
    written(network, model, copy)
    before, after = load_file(model), load_file(copy)
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    torch.manual_seed(0)
    with torch.no_grad():
        weight = network.layer4[1].conv2.weight
        weight.copy_(torch.randn_like(weight) * weight.std())
    written(network, model, changed)
    ours, same, other = ([round(value, 4) for value in figures({"report": judged(o, path)})] for path in (model, copy, changed))
    say(f"{', '.join(PROTOCOLS)}: our file {ours}, through PyTorch {same}, with one random tensor {other}")
    for path in (copy, changed):
        path.unlink()
    if ours != same:
        sys.exit("FAILED: the way through PyTorch changes figures.")
    if ours == other:
        sys.exit("FAILED: the judge does not see a tensor that was changed.")
    say("Passed: the way through PyTorch changes nothing, and a changed tensor is seen.")


def main():
    o = arguments()
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    folder = runs.split(*o.pictures.split("=", 1), o.work)
    if o.selftest:
        selftest(o, folder)
    else:
        study(o, folder)


if __name__ == "__main__":
    main()
