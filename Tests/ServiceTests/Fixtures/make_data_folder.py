#!/usr/bin/env python3
"""Makes a data folder with the binary of a released version, as the fixture that later versions must open.

    make_data_folder.py BYOL CHECKOUT data-folder-VERSION.tar.gz

24 drawn pictures, a run of a few updates that has succeeded, an evaluation, an index, a pinned model, and beside them
expected.json: what that version answered. Weights do not compress: the optimizer's state is left out, and files of the same
content are one in the archive.
"""

import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zlib
from io import BytesIO
from pathlib import Path


def png(kind: int, number: int, side: int = 24) -> bytes:
    rows = b""
    for y in range(side):
        rows += b"\0"
        for x in range(side):
            on = ((x + number) // 4 if kind == 0 else (y + number) // 4) % 2
            rows += bytes([230 * on, (40 * number) % 256, 255 - 200 * on])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
              (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)


def archive() -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for kind, name in enumerate(["columns", "rows"]):
            for number in range(12):
                data = png(kind, number)
                entry = tarfile.TarInfo(f"train/{name}/{number}.png")
                entry.size = len(data)
                tar.addfile(entry, BytesIO(data))
    return out.getvalue()


def once(folder: Path) -> None:
    """Removes the optimizer's state, and makes files of the same content names of one."""
    known: dict[bytes, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.name == "state.safetensors":
            file.unlink()
        elif file.is_file() and file.stat().st_size > 1 << 16:
            content = file.read_bytes()
            if content in known:
                file.unlink()
                file.hardlink_to(known[content])
            known.setdefault(content, file)


class Service:
    def __init__(self, byol: str, checkout: str, data: str):
        self.process = subprocess.Popen(
            [byol, "serve", "--data", data, "--port", "0", "--public", f"{checkout}/Public",
             "--contract", f"{checkout}/openapi.yaml", "--niceness", "0", "--threads", "1",
             "--precision", "float32"], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[3]

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"):
        request = urllib.request.Request(self.address + path, data=body, method=method, headers={"Content-Type": kind})
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def wait(self, path: str, state: str = "succeeded") -> dict:
        while (found := self.call("GET", path))["state"] != state:
            if found["state"] == "failed":
                sys.exit(f"{path}: {found}")
            time.sleep(0.2)
        return found


def main() -> None:
    byol, checkout, output = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        data = f"{work}/data"
        service = Service(byol, checkout, data)
        try:
            dataset = service.call("POST", "/v1/datasets", archive(), "application/x-tar")["id"]
            recipe = {"dataset": dataset, "name": "Fixture", "metadata": {"made": "for tests"}, "epochs": 4, "batch_size": 8,
                      "image_size": 16, "stem": "cifar", "width": 0.25, "keep_checkpoints": 1, "projector_hidden": 16, "projector_output": 8,
                      "predictor_hidden": 16, "embedding": "representation", "seed": 1}
            run = service.call("POST", "/v1/runs", json.dumps(recipe).encode())["id"]
            service.wait(f"/v1/runs/{run}")
            evaluation = service.call("POST", "/v1/evaluations", json.dumps(
                {"model": run, "protocols": ["knn-3"], "quick": True, "dataset": dataset}).encode())["id"]
            service.wait(f"/v1/evaluations/{evaluation}")
            index = service.call("POST", "/v1/indexes", json.dumps(
                {"dataset": dataset, "model": run, "name": "Fixture"}).encode())["id"]
            service.wait(f"/v1/indexes/{index}")
            service.call("PUT", "/v1/models/default", json.dumps({"checkpoint": f"{run}@12"}).encode())
            picture = png(1, 5)
            reply = service.call("POST", "/v1/embeddings", picture, "image/png")
            found = service.call("POST", f"/v1/indexes/{index}/search", picture, "image/png")
            expected = {
                "version": service.call("GET", "/v1/info")["version"], "dataset": dataset, "run": run,
                "evaluation": evaluation, "index": index, "picture": list(picture),
                "fingerprint": reply["fingerprint"], "embedding": reply["data"][0]["embedding"],
                "nearest": found["data"][0]["name"],
                "steps": [c["step"] for c in service.call("GET", f"/v1/runs/{run}/checkpoints")["data"]],
            }
        finally:
            service.process.terminate()
            service.process.wait()
        once(Path(data))
        Path(f"{work}/expected.json").write_text(json.dumps(expected, indent=1))
        with tarfile.open(output, "w:gz") as tar:
            for name in ["data", "expected.json"]:
                tar.add(f"{work}/{name}", name)
    print(Path(output).stat().st_size, "bytes", expected["steps"], expected["nearest"])


main()
