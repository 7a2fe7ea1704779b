#!/usr/bin/env python3
"""Each operation of openapi.yaml asks for the key and the role that the contract names. For Scripts/contract.sh.

    contract_keys.py URL READER

READER is a key with the role `read` alone. Without a key, and with one that the service never made, an operation must answer 401; with READER
403 that names the role, unless `read` is enough. Operations without `security` must answer without a key.
"""

import json
import re
import sys
import urllib.error
import urllib.request

import yaml

METHODS = {"get", "put", "post", "delete", "patch"}
UNKNOWN = "byol_" + "0" * 43


def answer(method: str, url: str, key: str | None) -> tuple[int, dict, bytes]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if method not in ("GET", "DELETE"):
        headers["Content-Type"] = "application/json"
    body = b"{}" if method in ("POST", "PUT", "PATCH") else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as reply:
            return reply.status, dict(reply.headers), reply.read(1 << 16)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def faults(url: str, reader: str) -> list[str]:
    found, asked, refused, open_to_all = [], 0, 0, 0
    with open("openapi.yaml", encoding="utf-8") as file:
        paths = yaml.safe_load(file)["paths"]
    for path, operations in paths.items():
        address = url + re.sub(r"{[^}]*}", "nobody", path)
        for method in METHODS & operations.keys():
            name = f"{method.upper()} {path}"
            roles = [role for one in operations[method].get("security", []) for role in one.get("bearer", [])]
            if not roles:
                open_to_all += 1
                if (status := answer(method.upper(), address, None)[0]) in (401, 403):
                    found.append(f"{name} answers {status}, and the contract names no role")
                continue
            asked += 1
            for key in (None, UNKNOWN):
                status, headers, _ = answer(method.upper(), address, key)
                if status != 401 or "Bearer" not in headers.get("WWW-Authenticate", ""):
                    found.append(f"{name} answers {status} to {'an unknown key' if key else 'nobody'}")
            status, headers, body = answer(method.upper(), address, reader)
            if "read" in roles:
                if status in (401, 403):
                    found.append(f"{name} refuses a reader with {status}")
                continue
            refused += 1
            told = headers.get("WWW-Authenticate", "")
            if status != 403 or json.loads(body).get("code") != "role_missing" or not any(role in told for role in roles):
                found.append(f"{name} answers {status} to a reader and says {told!r}")
    print(f"{asked} operations ask for a key, {refused} of them refuse a reader, {open_to_all} are open to all")
    # Neither kind may be missing: the contract would say nothing then.
    return found + ([] if asked and refused and open_to_all else ["There are no operations of some kind"])


if len(sys.argv) != 3:
    sys.exit(__doc__)
problems = faults(*sys.argv[1:])
print("\n".join(problems), file=sys.stderr)
sys.exit(1 if problems else 0)
