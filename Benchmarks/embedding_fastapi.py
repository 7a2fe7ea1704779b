#!/usr/bin/env python3
"""The peer of `POST /v1/embeddings`: JPEG to embedding over HTTP with FastAPI and ONNX Runtime.

    pip install torch torchvision onnx onnxruntime fastapi uvicorn pillow
    python Benchmarks/embedding_fastapi.py --encoder resnet18 --port 8090 --mode pool

and, from another shell, `python Benchmarks/load.py http://127.0.0.1:8090/v1/embeddings picture.jpg`.
`--mode serial` computes each picture on all threads, one after another; `--mode pool` computes as many pictures at
once as there are threads, on one thread each. The ready time is printed on standard error.
"""

import argparse
import asyncio
import concurrent.futures
import contextlib
import io
import sys
import tempfile
import time

BEGIN = time.perf_counter()

import numpy as np
import onnxruntime
import torch
import torchvision
import uvicorn
from fastapi import FastAPI, Request
from PIL import Image

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def session(name, threads):
    encoder = torchvision.models.get_model(name, weights=None).eval()
    encoder.fc = torch.nn.Identity()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/encoder.onnx"
        torch.onnx.export(
            encoder, (torch.zeros(1, 3, 224, 224),), path, input_names=["x"], output_names=["y"],
            dynamo=False)
        return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])


def prepared(data):
    """Short side to 256, centre crop of 224, normalised: [1, 3, 224, 224]."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([round(s * scale) for s in image.size], Image.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    values = np.asarray(image.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    return ((values - MEAN) / DEVIATION).transpose(2, 0, 1)[None].copy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", default="pool", choices=["serial", "pool"])
    o = parser.parse_args()
    encoder = session(o.encoder, o.threads if o.mode == "serial" else 1)
    pool = concurrent.futures.ThreadPoolExecutor(o.threads)

    @contextlib.asynccontextmanager
    async def ready(_):
        print(f"ready after {time.perf_counter() - BEGIN:.2f} s", file=sys.stderr, flush=True)
        yield

    app = FastAPI(lifespan=ready)

    def vector(data):
        return encoder.run(None, {"x": prepared(data)})[0][0].tolist()

    @app.post("/v1/embeddings")
    async def embed(request: Request):
        data = await request.body()
        if o.mode == "serial":
            return {"embedding": vector(data)}
        return {"embedding": await asyncio.get_running_loop().run_in_executor(pool, vector, data)}

    # Clients whose turn comes late stay connected.
    uvicorn.run(app, host="127.0.0.1", port=o.port, log_level="warning", access_log=False, timeout_keep_alive=600)


if __name__ == "__main__":
    main()
