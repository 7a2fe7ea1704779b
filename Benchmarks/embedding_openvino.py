#!/usr/bin/env python3
"""The peer of `byol benchmark embedding`: a ResNet's representations by OpenVINO on the processor.

    pip install torch torchvision openvino
    python Benchmarks/embedding_openvino.py --encoder resnet50 --batch 16 --precision bf16

Prints one line of JSON with `images_per_second` (synchronous calls, one after another).
"""

import argparse
import json
import statistics
import time

import numpy as np
import openvino
import torch
import torchvision


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", default="bf16", choices=["f32", "bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    o = parser.parse_args()
    encoder = torchvision.models.get_model(o.encoder, weights=None).eval()
    encoder.fc = torch.nn.Identity()
    pictures = np.random.default_rng(0).random((o.batch, 3, o.size, o.size), dtype=np.float32)
    core = openvino.Core()
    model = openvino.convert_model(encoder, example_input=torch.from_numpy(pictures))
    model.reshape([o.batch, 3, o.size, o.size])
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": o.precision, "INFERENCE_NUM_THREADS": o.threads,
        "PERFORMANCE_HINT": "LATENCY"})
    for _ in range(3):
        vectors = compiled(pictures)[0]
    times, end = [], time.monotonic() + o.seconds
    while len(times) < 5 or time.monotonic() < end:
        start = time.perf_counter()
        vectors = compiled(pictures)[0]
        times.append(time.perf_counter() - start)
    assert vectors.shape[0] == o.batch and np.isfinite(vectors).all()
    median = statistics.median(times)
    print(json.dumps({
        "program": "openvino", "version": openvino.__version__, "encoder": o.encoder,
        "size": o.size, "batch": o.batch, "precision": o.precision, "threads": o.threads,
        "images_per_second": o.batch / median, "step_seconds": median, "steps": len(times),
    }))


if __name__ == "__main__":
    main()
