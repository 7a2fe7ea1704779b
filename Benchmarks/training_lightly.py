#!/usr/bin/env python3
"""The peer of `byol train`: BYOL by lightly's components on a folder of pictures, as fast as PyTorch does it.

    pip install torch torchvision lightly
    python Benchmarks/training_lightly.py --pictures FOLDER --size 64 --batch 256 --workers 2

The encoder, heads, transform, loss and move of the target are those of lightly's BYOL example, with the paper's 4096
hidden units, in bfloat16 autocast and channels last; decoding and augmentation run in the loader's workers. Prints
one line of JSON with `images_per_second`: pictures, two views each, from the end of the first epoch to the end.
"""

import argparse
import copy
import json
import pathlib
import time

import lightly
import torch
import torchvision
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.byol_transform import (
    BYOLTransform, BYOLView1Transform, BYOLView2Transform)
from PIL import Image


class Folder(torch.utils.data.Dataset):
    """All pictures below a folder, each as two views."""

    def __init__(self, folder, transform):
        self.files = sorted(pathlib.Path(folder).rglob("*.jpg"))
        self.transform = transform

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return self.transform(Image.open(self.files[index]).convert("RGB"))


class BYOL(torch.nn.Module):
    def __init__(self, hidden):
        super().__init__()
        encoder = torchvision.models.resnet18()
        encoder.fc = torch.nn.Identity()
        self.encoder = encoder
        self.projector = BYOLProjectionHead(512, hidden, 256)
        self.predictor = BYOLPredictionHead(256, hidden, 256)
        self.target_encoder = copy.deepcopy(self.encoder)
        self.target_projector = copy.deepcopy(self.projector)
        deactivate_requires_grad(self.target_encoder)
        deactivate_requires_grad(self.target_projector)

    def forward(self, x):
        return self.predictor(self.projector(self.encoder(x)))

    def target(self, x):
        with torch.no_grad():
            return self.target_projector(self.target_encoder(x))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="processes that load pictures")
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    transform = BYOLTransform(
        BYOLView1Transform(input_size=o.size), BYOLView2Transform(input_size=o.size))
    loader = torch.utils.data.DataLoader(
        Folder(o.pictures, transform), batch_size=o.batch, shuffle=True, drop_last=True,
        num_workers=o.workers, persistent_workers=True, prefetch_factor=2)
    model = BYOL(o.hidden).to(memory_format=torch.channels_last)
    criterion = NegativeCosineSimilarity()
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=0.06, momentum=0.9)
    steps, began = 0, None
    for epoch in range(o.epochs):
        for views in loader:
            first, second = (v.to(memory_format=torch.channels_last) for v in views)
            update_momentum(model.encoder, model.target_encoder, 0.996)
            update_momentum(model.projector, model.target_projector, 0.996)
            with torch.autocast("cpu", torch.bfloat16):
                p, q = model(first), model(second)
                y, z = model.target(first), model.target(second)
            loss = (criterion(p.float(), z.float()) + criterion(q.float(), y.float())) / 2
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            steps += began is not None
        if began is None:
            began = time.perf_counter()
    elapsed = time.perf_counter() - began
    assert torch.isfinite(loss)
    print(json.dumps({
        "program": "lightly", "version": lightly.__version__, "torch": torch.__version__,
        "batch": o.batch, "size": o.size, "workers": o.workers, "threads": o.threads,
        "steps": steps, "images_per_second": steps * o.batch / elapsed,
    }))


if __name__ == "__main__":
    main()
