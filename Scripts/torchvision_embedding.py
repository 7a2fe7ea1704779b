#!/usr/bin/env python3
"""Embed a picture with a model file in torchvision: `torchvision_embedding.py MODEL PICTURE` prints the vector as JSON.

Needs torch, torchvision, safetensors and Pillow. Shows which layers of torchvision's ResNet must be replaced for which
stem; `Tests/EncodersTests` compares its vectors with ours.
"""

import json
import sys

import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file


def load(path: str) -> tuple[torch.nn.Module, dict[str, str]]:
    """The encoder and the file's metadata."""
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    if float(facts["byol.width"]) != 1:
        sys.exit(f"The model's width is {facts['byol.width']}; torchvision's ResNets have width 1.")
    model = torchvision.models.get_model(facts["byol.architecture"], weights=None)
    model.fc = torch.nn.Identity()
    channels = len(facts["byol.mean"].split())
    if facts["byol.stem"] == "cifar":
        model.conv1 = torch.nn.Conv2d(channels, 64, 3, stride=1, padding=1, bias=False)
        # Max pooling has no weights: strict=True does not notice when it is left in, and the vectors are others.
        model.maxpool = torch.nn.Identity()
    elif channels != 3:
        model.conv1 = torch.nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    model.load_state_dict(load_file(path), strict=True)
    return model.eval(), facts


def prepared(path: str, facts: dict[str, str]) -> torch.Tensor:
    """The picture as the encoder sees it, [1, 3, side, side]."""
    side = int(facts["byol.image_size"])
    resized = side * 8 // 7 if side >= 112 else side
    transforms = torchvision.transforms
    return transforms.Compose([
        transforms.Resize(resized, transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(side),
        transforms.ToTensor(),
        transforms.Normalize(
            [float(n) for n in facts["byol.mean"].split()],
            [float(n) for n in facts["byol.deviation"].split()]),
    ])(Image.open(path).convert("RGB")).unsqueeze(0)


if __name__ == "__main__":
    encoder, metadata = load(sys.argv[1])
    with torch.no_grad():
        print(json.dumps(encoder(prepared(sys.argv[2], metadata))[0].tolist()))
