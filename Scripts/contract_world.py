#!/usr/bin/env python3
"""Fills a service with one of everything: a dataset, a run that has succeeded, an evaluation, an index. For Scripts/contract.sh.

    contract_world.py URL ARCHIVE [KEY]

ARCHIVE is a tar of pictures in folders, KEY one of the service's keys. Prints the ids as JSON.
"""

import json
import sys
import time
import urllib.request


if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
KEY = {"Authorization": f"Bearer {sys.argv[3]}"} if len(sys.argv) == 4 else {}


def call(method: str, url: str, body: bytes | dict | None = None, kind: str = "application/json") -> dict:
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, content, {"Content-Type": kind, **KEY}, method=method)
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


def await_state(url: str, states: set[str], seconds: float = 300) -> dict:
    end = time.monotonic() + seconds
    while (record := call("GET", url))["state"] not in states:
        if record["state"] == "failed" or time.monotonic() > end:
            sys.exit(f"contract: {url} is {record['state']}: {record}")
        time.sleep(0.2)
    return record


def main() -> None:
    url, archive = sys.argv[1] + "/v1", sys.argv[2]
    with open(archive, "rb") as file:
        dataset = call("POST", f"{url}/datasets?name=contract", file.read(), "application/x-tar")["id"]
    recipe = {"dataset": dataset, "updates": 4, "batch_size": 8, "image_size": 32, "width": 0.25, "resources": {"niceness": 0}}
    run = call("POST", f"{url}/runs", recipe)["id"]
    await_state(f"{url}/runs/{run}", {"succeeded"})
    step = call("GET", f"{url}/runs/{run}/checkpoints")["data"][0]["step"]
    evaluation = call("POST", f"{url}/evaluations", {"model": run, "protocols": ["knn-20"]})["id"]
    indexes = [call("POST", f"{url}/indexes", {"dataset": dataset, "model": run})["id"] for _ in range(2)]
    for index in indexes:
        await_state(f"{url}/indexes/{index}", {"succeeded"})
    json.dump({"dataset": dataset, "run": run, "step": step, "evaluation": evaluation, "indexes": indexes}, sys.stdout)


main()
