"""Checks of what the Triton clients hide: headers, as Python's own HTTP client sees them."""

import gzip
import http.client
import json
import zlib

from checks import same, want

# A busy machine may take longer than a model's own budget.
PATIENT = {"Sluice-Budget-Ms": "10000"}


def run_all(checks, address, models):
    # The encoder's token embeddings make an answer that is worth compressing.
    largest = max(models["encoder"], key=lambda case: sum(array.size for array in case.outputs.values()))
    body = json.dumps({"inputs": [as_json(largest, name) for name in largest.inputs]})
    for coding, unpack in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        checks.run(
            f"wire: an answer in {coding}", packed_answer, address, largest.model, body, coding, unpack
        )
    checks.run(
        "wire: metadata, statistics and errors are never compressed", plain_rest, address, largest.model
    )
    checks.run("wire: an unknown content encoding", unknown_coding, address, largest.model, body)


def as_json(case, name):
    array = case.inputs[name]
    return {
        "name": name,
        "datatype": case.datatypes[name],
        "shape": list(array.shape),
        "data": array.ravel().tolist(),
    }


def fetch(address, method, path, body=None, headers=None):
    """One request on a connection of its own: (status, headers, body)."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def packed_answer(address, model, body, coding, unpack):
    path = f"/v2/models/{model}/infer"
    status, headers, plain = fetch(address, "POST", path, body, PATIENT)
    same("status without Accept-Encoding", status, 200)
    same("Content-Encoding without Accept-Encoding", headers["Content-Encoding"], None)
    status, headers, packed = fetch(
        address, "POST", path, body, {**PATIENT, "Accept-Encoding": coding}
    )
    same("status", status, 200)
    same("Content-Encoding", headers["Content-Encoding"], coding)
    same("Content-Type", headers["Content-Type"], "application/json")
    same("outputs", json.loads(unpack(packed))["outputs"], json.loads(plain)["outputs"])
    want(len(packed) < len(plain), f"{len(packed)} bytes packed, {len(plain)} plain")
    return f"{len(plain)} bytes became {len(packed)}"


def plain_rest(address, model):
    paths = {"/v2": 200, f"/v2/models/{model}": 200, f"/v2/models/{model}/config": 200}
    paths |= {f"/v2/models/{model}/stats": 200, "/v2/models/no_such_model": 404, "/no/such/path": 404}
    for path, expected in paths.items():
        status, headers, body = fetch(address, "GET", path, headers={"Accept-Encoding": "gzip, deflate"})
        same(f"status of {path}", status, expected)
        same(f"Content-Encoding of {path}", headers["Content-Encoding"], None)
        same(f"Content-Type of {path}", headers["Content-Type"], "application/json")
        want(status == 200 or json.loads(body)["error"], f"{path} has no error text: {body!r}")


def unknown_coding(address, model, body):
    path = f"/v2/models/{model}/infer"
    status, headers, answer = fetch(address, "POST", path, body, {"Content-Encoding": "br"})
    same("status", status, 501)
    same("Accept-Encoding of the answer", headers["Accept-Encoding"], "gzip, deflate")
    want(json.loads(answer)["error"], "the error has no text")
