"""Runs of `byol train` and `byol evaluate` for studies of recipes: splits without the test half, training, figures."""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BYOL = str(ROOT / ".build/release/byol")
HOLD_OUT = 2000


def split(name, source, work):
    """The folder with `train` and `val`, of hard links; made once.

    Nothing but `SOURCE/train/<class>/…` is read, so that a test half stays unseen. Every sixth picture of a class is held
    out, or fewer where that would be more than 2,000.
    """
    folder = work / "sets" / name
    if (folder / "made").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    classes = sorted(path for path in (pathlib.Path(source) / "train").iterdir() if path.is_dir())
    files = {path.name: sorted(p for p in path.iterdir() if p.is_file()) for path in classes}
    total = sum(len(f) for f in files.values())
    if total == 0:
        sys.exit(f"{source}/train has no pictures in folders of classes.")
    every = max(6, -(-total // HOLD_OUT))
    for label, paths in files.items():
        for index, path in enumerate(paths):
            place = folder / ("val" if index % every == 0 else "train") / label / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
    (folder / "made").touch()
    return folder


def train(byol, pictures, run, flags):
    """Trains anew into the folder `run`; the seconds that it took."""
    shutil.rmtree(run, ignore_errors=True)
    command = [byol, "train", "--pictures", str(pictures), "--output", str(run), *flags]
    began = time.monotonic()
    finish(command)
    return time.monotonic() - began


def evaluate(byol, run, protocols, dataset=None, baselines=True):
    """The step of the newest checkpoint of `run`, and what `byol evaluate` says of it on its own or another dataset."""
    step = max(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())
    command = [byol, "evaluate", "--model", str(run / "checkpoints" / str(step) / "model.safetensors"), "--dataset",
               str(dataset or run / "dataset"), "--protocols", protocols, "--json"]
    return step, json.loads(finish(command + ([] if baselines else ["--without-baselines"])))


def finish(command):
    """The output of a command; ends the study where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()
