#!/usr/bin/env python3
"""The README's tour with a client that was generated from openapi.yaml: Scripts/contract.sh runs it once for each generator.

    contract_tour.py URL ARCHIVE PICTURE openapi-python-client|openapi-generator

The generated package is on the path: byol_client, or byol_other. Every step checks what the client made of the answer.
"""

import sys
import time
from pathlib import Path

URL, GENERATOR = sys.argv[1], sys.argv[4]
ARCHIVE, PICTURE = Path(sys.argv[2]).read_bytes(), Path(sys.argv[3]).read_bytes()
RECIPE = {"updates": 60, "batch_size": 8, "image_size": 32, "width": 0.25}


def await_state(read, states: set[str], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while str(getattr((state := read().state), "value", state)) not in states:
        if time.monotonic() > end:
            sys.exit(f"tour: still {state}, and not {states}, after {seconds} seconds")
        time.sleep(0.2)


def check(what: str, holds: bool) -> None:
    if not holds:
        sys.exit(f"tour: {GENERATOR}: {what}")
    print(f"  ok: {what}")


def with_openapi_python_client() -> None:
    import io

    from byol_client import Client
    from byol_client.api.datasets import create_dataset, get_dataset
    from byol_client.api.embeddings import create_embeddings
    from byol_client.api.indexes import create_index, get_index, search_index
    from byol_client.api.runs import create_run, get_run, list_runs, start_run, stop_run
    from byol_client.models import CreateIndexBody, Problem, RunRequest, RunResources
    from byol_client.types import File

    client = Client(URL, timeout=120)
    dataset = create_dataset.sync(client=client, body=File(io.BytesIO(ARCHIVE)), name="tour")
    check("a dataset of 48 pictures", dataset.pictures == 48 and get_dataset.sync(dataset.id, client=client).name == "tour")
    request = RunRequest(dataset=dataset.id, resources=RunResources(niceness=0), **RECIPE)
    run = create_run.sync(client=client, body=request)
    await_state(lambda: get_run.sync(run.id, client=client), {"running", "succeeded"})
    stop_run.sync(run.id, client=client)
    await_state(lambda: get_run.sync(run.id, client=client), {"stopped", "succeeded"})
    start_run.sync(run.id, client=client)
    await_state(lambda: get_run.sync(run.id, client=client), {"succeeded"})
    check("a run, stopped and started, succeeds", run.id in [each.id for each in list_runs.sync(client=client).data])
    answer = create_embeddings.sync(client=client, body=File(io.BytesIO(PICTURE)), model=run.id)
    check("an embedding", len(answer.data[0].embedding) == get_run.sync(run.id, client=client).dimension)
    index = create_index.sync(client=client, body=CreateIndexBody(dataset=dataset.id, model=run.id))
    await_state(lambda: get_index.sync(index.id, client=client), {"succeeded"})
    found = search_index.sync(index.id, client=client, body=File(io.BytesIO(PICTURE)), k=3)
    check("three neighbours, the nearest the picture itself", len(found.data) == 3 and found.data[0].score > 0.99)
    lost = get_run.sync("0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001", client=client)
    check("an error is a problem with its code", isinstance(lost, Problem) and lost.code.value == "not_found")


def with_openapi_generator() -> None:
    import byol_other
    from byol_other import CreateIndexRequest, RunRequest

    client = byol_other.ApiClient(byol_other.Configuration(host=URL))
    datasets, runs = byol_other.DatasetsApi(client), byol_other.RunsApi(client)
    embeddings, indexes = byol_other.EmbeddingsApi(client), byol_other.IndexesApi(client)
    dataset = datasets.create_dataset(ARCHIVE, name="tour", _content_type="application/x-tar")
    check("a dataset of 48 pictures", dataset.pictures == 48 and datasets.get_dataset(dataset.id).name == "tour")
    run = runs.create_run(RunRequest.from_dict({"dataset": dataset.id, "resources": {"niceness": 0}, **RECIPE}))
    await_state(lambda: runs.get_run(run.id), {"running", "succeeded"})
    runs.stop_run(run.id)
    await_state(lambda: runs.get_run(run.id), {"stopped", "succeeded"})
    runs.start_run(run.id)
    await_state(lambda: runs.get_run(run.id), {"succeeded"})
    check("a run, stopped and started, succeeds", run.id in [each.id for each in runs.list_runs().data])
    answer = embeddings.create_embeddings(PICTURE, model=run.id, _content_type="image/png")
    vector = answer.data[0].embedding
    check("an embedding", len(getattr(vector, "actual_instance", vector)) == runs.get_run(run.id).dimension)
    index = indexes.create_index(CreateIndexRequest(dataset=dataset.id, model=run.id))
    await_state(lambda: indexes.get_index(index.id), {"succeeded"})
    found = indexes.search_index(index.id, PICTURE, k=3, _content_type="image/png")
    check("three neighbours, the nearest the picture itself", len(found.data) == 3 and found.data[0].score > 0.99)
    try:
        runs.get_run("0199e6a2-6f0c-7c1e-9a55-0c7bb3f1a001")
        check("an error is raised", False)
    except byol_other.exceptions.NotFoundException as error:
        check("an error is a problem with its code", '"code":"not_found"' in error.body)


if len(sys.argv) != 5:
    sys.exit(__doc__)
{"openapi-python-client": with_openapi_python_client, "openapi-generator": with_openapi_generator}[GENERATOR]()
