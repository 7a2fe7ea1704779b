#!/usr/bin/env python3
"""The peer of `byol benchmark encoder`: a ResNet's representations by OpenVINO on the processor.

    pip install torch torchvision openvino
    python Benchmarks/embedding_openvino.py --encoder resnet50 --batch 16 --precision bf16

Measures both of OpenVINO's ways and prints the faster: one request on all threads (LATENCY), and as many requests
at once as it recommends (THROUGHPUT). Inputs are shared, not copied. Prints one line of JSON.
"""

import argparse
import json
import time

import numpy as np
import openvino
import torch
import torchvision


def rate(compiled, pictures, seconds):
    """Pictures a second with as many requests under way as OpenVINO recommends."""
    queue = openvino.AsyncInferQueue(
        compiled, compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    tensor = openvino.Tensor(pictures, shared_memory=True)
    begin, calls, warm = time.perf_counter(), 0, False
    while True:
        queue.start_async({0: tensor}, share_inputs=True)
        calls += 1
        now = time.perf_counter()
        if not warm and calls >= 4:
            queue.wait_all()
            begin, calls, warm = time.perf_counter(), 0, True
        elif warm and now - begin > seconds and calls >= 5:
            queue.wait_all()
            return calls * len(pictures) / (time.perf_counter() - begin)


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
    rates = {}
    for hint in ("LATENCY", "THROUGHPUT"):
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_PRECISION_HINT": o.precision, "INFERENCE_NUM_THREADS": o.threads,
            "PERFORMANCE_HINT": hint})
        vectors = compiled(pictures)[0]
        assert vectors.shape[0] == o.batch and np.isfinite(vectors).all()
        rates[hint] = rate(compiled, pictures, o.seconds / 2)
    best = max(rates, key=rates.get)
    print(json.dumps({
        "program": "openvino", "version": openvino.__version__, "encoder": o.encoder,
        "size": o.size, "batch": o.batch, "precision": o.precision, "threads": o.threads,
        "hint": best, "images_per_second": rates[best], "all": rates,
    }))


if __name__ == "__main__":
    main()
