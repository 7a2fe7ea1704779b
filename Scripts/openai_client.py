#!/usr/bin/env python3
"""Ask a running service for embeddings with OpenAI's own client, as PyPI has it.

    openai_client.py ADDRESS MODEL --dimension N PICTURE PICTURE…

ADDRESS is the service's (http://127.0.0.1:8080), MODEL the name of a model of N components, each PICTURE a file of another
picture. Needs the package openai, 1.x or later. Prints a line for each thing that was tried; exit status 1 where one of them
is not as it should be, 77 where the package is missing.
"""

import argparse
import asyncio
import base64
import json
import mimetypes
import sys
from pathlib import Path

try:
    import openai
except ModuleNotFoundError:
    print("skipped: openai is not installed")
    sys.exit(77)


def data_url(path: str) -> str:
    kind = mimetypes.guess_type(path)[0]
    return f"data:{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


def check(what: str, holds: bool, found: object = "") -> None:
    """Tells what was tried, and ends where it failed."""
    print(f"{'ok' if holds else 'WRONG'}: {what}{'' if holds else f': {found!r}'}")
    if not holds:
        sys.exit(1)


def length(vector: list[float]) -> float:
    return sum(value * value for value in vector) ** 0.5


def check_vectors(client: openai.OpenAI, model: str, inputs: list[str], dimension: int) -> None:
    # Without encoding_format the client asks for base64 and decodes it.
    answer = client.embeddings.create(model=model, input=inputs)
    vectors = [item.embedding for item in answer.data]
    check("a vector for each picture", len(vectors) == len(inputs), len(vectors))
    check("numbered in their order", [item.index for item in answer.data] == list(range(len(inputs))))
    check(f"of {dimension} components", {len(vector) for vector in vectors} == {dimension}, len(vectors[0]))
    check("of length 1", all(abs(length(vector) - 1) < 1e-5 for vector in vectors), [length(v) for v in vectors])
    check("as the types of the client have it", (answer.object, answer.model, answer.data[0].object) == ("list", model, "embedding"), answer.model)
    check("a count of tokens, which pictures have not", (answer.usage.prompt_tokens, answer.usage.total_tokens) == (0, 0), answer.usage)
    check("each picture another vector", len({tuple(vector) for vector in vectors}) == len(inputs))

    floats = client.embeddings.create(model=model, input=inputs, encoding_format="float")
    # The client reads the shortest decimal as double precision: 1e-7 is far below one float32 of length 1.
    gap = max(abs(a - b) for item, vector in zip(floats.data, vectors) for a, b in zip(item.embedding, vector))
    check("float gives what the client's own choice gives", gap < 1e-7, gap)
    texts = client.embeddings.create(model=model, input=inputs, encoding_format="base64")
    check("base64 asked for comes as text", all(isinstance(item.embedding, str) for item in texts.data))
    sizes = {len(base64.b64decode(item.embedding)) for item in texts.data}
    check("of four bytes for each component", sizes == {4 * dimension}, sizes)

    backwards = client.embeddings.create(model=model, input=inputs[::-1])
    check("pictures the other way round give vectors the other way round", [i.embedding for i in backwards.data] == vectors[::-1])
    alone = [client.embeddings.create(model=model, input=text).data[0].embedding for text in inputs]
    check("a picture alone gives the same vector", alone == vectors)
    asked = client.embeddings.create(model=model, input=inputs, dimensions=dimension // 2, user="someone")
    check("dimensions shortens, to length 1 again", all(
        len(item.embedding) == dimension // 2 and abs(length(item.embedding) - 1) < 1e-5 for item in asked.data))
    raw = client.embeddings.with_raw_response.create(model=model, input=inputs[0])
    check("the model's fingerprint is among the headers", len(raw.headers.get("x-model-fingerprint", "")) == 64)

    async def at_once() -> list[list[float]]:
        async with openai.AsyncOpenAI(base_url=str(client.base_url), api_key="x", max_retries=0) as other:
            answers = await asyncio.gather(*(other.embeddings.create(model=model, input=text) for text in inputs))
        return [answer.data[0].embedding for answer in answers]

    check("the asynchronous client, all at once, gets the same", asyncio.run(at_once()) == vectors)


def check_models(client: openai.OpenAI, model: str) -> None:
    listed = [entry.id for entry in client.models.list()]
    check("models.list() has the model", model in listed, listed)
    found = client.models.retrieve(model)
    check("models.retrieve() finds it", (found.id, found.object, found.owned_by) == (model, "model", "byol"), found)
    check("with the time of its making", found.created > 1_600_000_000, found.created)


def check_errors(client: openai.OpenAI, model: str, picture: str) -> None:
    broken = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nbroken").decode()
    cases = [
        ("a picture that does not decode", openai.UnprocessableEntityError, "image_not_decodable", dict(model=model, input=[picture, broken])),
        ("words instead of a picture", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input="a cat")),
        ("tokens instead of a picture", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input=[1, 2])),
        ("an address, which is not fetched", openai.BadRequestError, "url_input_disabled", dict(model=model, input="https://example.com/cat.png")),
        ("a model that is not there", openai.NotFoundError, "not_found", dict(model="text-embedding-3-small", input=picture)),
        ("more dimensions than there are", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input=picture, dimensions=10**6)),
        ("a form of numbers that is not there", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input=picture, encoding_format="hex")),
        ("no picture", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input=[])),
        ("more than 64 pictures", openai.UnprocessableEntityError, "invalid_field", dict(model=model, input=[picture] * 65)),
    ]
    for what, kind, code, arguments in cases:
        try:
            client.embeddings.create(**arguments)
            check(what, False, "no error")
        except openai.APIStatusError as error:
            body = error.body if isinstance(error.body, dict) else {}
            found = (type(error), error.code, error.type, bool(body.get("message")))
            check(f"{what} is {kind.__name__}, {code}", found == (kind, code, "invalid_request_error", True), (found, error.body))
            # Both shapes are in one body: OpenAI's, which the client takes out, and RFC 9457's.
            problem = json.loads(error.response.text)
            check("… and problem JSON", (problem["status"], problem["code"]) == (error.status_code, code), problem)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask a running service for embeddings with OpenAI's own client.")
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--dimension", type=int, required=True)
    options = parser.parse_args()
    print(f"openai {openai.__version__}")
    # No second try, which would hide a first one that failed.
    client = openai.OpenAI(base_url=f"{options.address.rstrip('/')}/v1", api_key="x", max_retries=0, timeout=60)
    inputs = [data_url(path) for path in options.pictures]
    check_models(client, options.model)
    check_vectors(client, options.model, inputs, options.dimension)
    check_errors(client, options.model, inputs[0])


if __name__ == "__main__":
    main()
