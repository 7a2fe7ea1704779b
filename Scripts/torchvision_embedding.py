#!/usr/bin/env python3
"""Embed a picture with a model file in torchvision: `torchvision_embedding.py MODEL PICTURE` prints the vector as JSON.

Needs torch, torchvision, safetensors and Pillow. Shows which layers of torchvision's ResNet must be replaced for which
stem; `Tests/EncodersTests` compares its vectors with ours.
"""

import json
import sys

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


BLOCKS = {
    "resnet18": (BasicBlock, [2, 2, 2, 2]), "resnet34": (BasicBlock, [3, 4, 6, 3]), "resnet50": (Bottleneck, [3, 4, 6, 3]),
    "resnet101": (Bottleneck, [3, 4, 23, 3]), "resnet152": (Bottleneck, [3, 8, 36, 3]),
}


def load(path: str) -> tuple[torch.nn.Module, dict[str, torch.Tensor], dict[str, str]]:
    """The encoder, the tensors of its embedding head (none in files of format 1), and the file's metadata."""
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    block, layers = BLOCKS[facts["byol.architecture"]]
    model = ResNet(block, layers)
    model.fc = torch.nn.Identity()
    channels, width = len(facts["byol.mean"].split()), int(64 * float(facts["byol.width"]) + 0.5)
    if facts["byol.stem"] == "cifar":
        model.conv1 = torch.nn.Conv2d(channels, width, 3, stride=1, padding=1, bias=False)
        # Max pooling has no weights: strict=True does not notice when it is left in, and the vectors are others.
        model.maxpool = torch.nn.Identity()
    else:
        model.conv1 = torch.nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
    if width != 64:  # torchvision has no such networks; its own function makes their stages
        model.bn1, model.inplanes = torch.nn.BatchNorm2d(width), width
        for stage in range(4):
            made = model._make_layer(block, width << stage, layers[stage], stride=1 if stage == 0 else 2)
            setattr(model, f"layer{stage + 1}", made)
    tensors = load_file(path)
    head = {name: tensors.pop(name) for name in list(tensors) if name.startswith("head.")}
    model.load_state_dict(tensors, strict=True)
    return model.eval(), head, facts


def embed(model: torch.nn.Module, head: dict[str, torch.Tensor], pictures: torch.Tensor) -> torch.Tensor:
    """Pictures [N, C, S, S] to embeddings: the representation, or what the head makes of all stages and of patches."""
    if not head:
        return model(pictures)
    means, x = {}, model.maxpool(model.relu(model.bn1(model.conv1(pictures))))
    for stage in range(1, 5):
        x = getattr(model, f"layer{stage}")(x)
        means[f"stage{stage}"] = x.mean((2, 3))
    side = pictures.shape[2]
    half, last = side // 2, side - side // 2
    quadrants = [pictures[:, :, top:top + half, left:left + half] for top, left in [(0, 0), (0, last), (last, 0), (last, last)]]
    for prefix, parts in ("", quadrants), ("half_", [F.avg_pool2d(quadrant, 2) for quadrant in quadrants]):
        if f"head.{prefix}patches.weight" not in head:
            continue
        for number, part in enumerate(parts, 1):
            products = F.conv2d(part, head["head.filters.weight"], head["head.filters.bias"])
            means[f"{prefix}quadrant{number}"] = F.relu(products).mean((2, 3))
        means[f"{prefix}patches"] = sum(means[f"{prefix}quadrant{number}"] for number in range(1, 5)) / 4
    # Heads of pictures without an upright do not map the quadrants.
    return head["head.offset"] + sum(
        (mean + 1e-6).sqrt() @ head[f"head.{name}.weight"].T for name, mean in means.items() if f"head.{name}.weight" in head)


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
    encoder, embedding_head, metadata = load(sys.argv[1])
    with torch.no_grad():
        print(json.dumps(embed(encoder, embedding_head, prepared(sys.argv[2], metadata))[0].tolist()))
