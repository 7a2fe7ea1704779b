"""Hooks of Schemathesis for Scripts/contract.sh: requests that are meant to be right speak of what the service has.

The contract cannot say which ids exist. A path parameter that Schemathesis made as a right one is replaced by that of the dataset, run, evaluation or
index that contract_world.py made; one that it made wrong on purpose is sent as it is. DELETE is left alone, so that they stay.
"""

import json
import os

import schemathesis
from schemathesis.core.parameters import ParameterLocation

WORLD = json.loads(os.environ["CONTRACT_WORLD"])
IDS = {"datasets": WORLD["dataset"], "runs": WORLD["run"], "evaluations": WORLD["evaluation"], "indexes": WORLD["indexes"][0]}


def is_right(case) -> bool:
    component = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
    return component is not None and component.mode.is_positive


@schemathesis.hook
def before_call(context, case, kwargs):
    parts = case.operation.path.split("/")
    if case.method == "DELETE" or len(parts) < 4 or not is_right(case):
        return
    values = dict(case.path_parameters)
    if parts[2] in IDS and "id" in values:
        values["id"] = IDS[parts[2]]
    if parts[2] == "models" and "name" in values and case.method == "GET":
        values["name"] = WORLD["run"]
    if "step" in values:
        values["step"] = WORLD["step"]
    case.path_parameters = values


@schemathesis.hook
def after_call(context, case, response):
    """GET /v1/models/default is there: it is getModel's, with the name `default`. The contract has it under /v1/models/{name} alone, so Allow
    names a method more than the path has in the contract. No setting of Schemathesis turns its check off for one path's OPTIONS."""
    if case.operation.path == "/v1/models/default" and "allow" in response.headers:
        allowed = [", ".join(m for m in value.split(", ") if m not in ("GET", "HEAD")) for value in response.headers["allow"]]
        response.headers["allow"] = allowed
