"""Checks of values that are not finite, with the model `log`, on the wire and with both Triton clients."""

import gzip
import json

import numpy as np
import tritonclient.http as http

import golden
import tensors
import wire
from checks import same, want

NULL = {"Sluice-Nonfinite": "null"}
CASE, NULLS = golden.LOG, golden.nulls(golden.LOG)
DATA = "[[-1, 0, 1, 2], [0.5, NaN, Infinity, 0]]"
# What the rows hold, each value as the server writes it; log(2) and log(0.5) are left to parsers.
LITERAL = ["NaN", "-Infinity", "0.0", None, None, "NaN", "Infinity", "-Infinity"]
CLEAN = ["null", "null", "0.0", None, None, "null", "null", "null"]


def run_all(checks, address):
    with http.InferenceServerClient(address) as client:
        for way in tensors.WAYS:
            checks.run(f"nonfinite: sync, {way}", answers, client, way)
    for route, (path, body, find) in ROUTES.items():
        for name, (headers, written) in FORMS.items():
            checks.run(f"nonfinite: {route}, {name}", written_as, address, path, body, find, headers, written)
    checks.run("nonfinite: null in a request is NaN", null_is_nan, address)
    checks.run("nonfinite: an unknown form is refused", unknown_form, address)


async def run_all_async(checks, client):
    for way in tensors.WAYS:
        await checks.run_async(f"nonfinite: aio, {way}", answers_async, client, way)


# Each way by default and as null: binary tensors are what they are in both.
def wanted(way, headers):
    return NULLS if headers and not tensors.WAYS[way][1] else CASE


def answers(client, way):
    for headers in ({}, NULL):
        golden.compare(client.infer("log", **question(way, headers)), wanted(way, headers))


async def answers_async(client, way):
    for headers in ({}, NULL):
        golden.compare(await client.infer("log", **question(way, headers)), wanted(way, headers))


def question(way, headers):
    """What both clients take. They write into the headers that they are given."""
    binary_in, binary_out = tensors.WAYS[way]
    return {
        "inputs": tensors.inputs(CASE, binary_in),
        "outputs": tensors.outputs(CASE, binary_out),
        "headers": dict(headers),
        "timeout": tensors.PATIENCE,
    }


TENSOR = f'{{"name": "x", "datatype": "FP32", "shape": [2, 4], "data": {DATA}}}'
# A route with its body, and where its answer has the values.
ROUTES = {
    "infer": ("/v2/models/log/infer", f'{{"inputs": [{TENSOR}]}}', lambda a: a["outputs"][0]["data"]),
    "infer of a version": (
        "/v2/models/log/versions/1/infer",
        f'{{"inputs": [{TENSOR}]}}',
        lambda a: a["outputs"][0]["data"],
    ),
    "rows": ("/v1/models/log:predict", f'{{"instances": {DATA}}}', lambda a: sum(a["predictions"], [])),
    "columns": ("/v1/models/log:predict", f'{{"inputs": {DATA}}}', lambda a: sum(a["outputs"], [])),
    "rows of a version": (
        "/v1/models/log/versions/1:predict",
        f'{{"instances": {DATA}}}',
        lambda a: sum(a["predictions"], []),
    ),
}
FORMS = {
    "by default": ({}, LITERAL),
    "literal": ({"Sluice-Nonfinite": "literal"}, LITERAL),
    "null": (NULL, CLEAN),
    "null, compressed": ({**NULL, "Accept-Encoding": "gzip"}, CLEAN),
}


def written_as(address, path, body, find, headers, written):
    """Holds the answer's text against `written`: parsers differ in what they take for a value."""
    status, _, answer = ask(address, path, body, headers)
    same("status", status, 200)
    # Every value as its own text: numbers stay strings, and so do the words that are no JSON.
    words = json.loads(answer, parse_float=str, parse_int=str, parse_constant=str)
    found = ["null" if value is None else value for value in find(words)]
    same("values", [a if b is not None else None for a, b in zip(found, written, strict=True)], written)
    got = np.array([np.nan if value == "null" else float(value) for value in found])
    golden.compare_arrays(
        {"y": got.astype(np.float32).reshape(2, 4)}, NULLS if written is CLEAN else CASE
    )


def ask(address, path, body, headers):
    status, returned, answer = wire.fetch(address, "POST", path, body, {**wire.PATIENT, **headers})
    if returned["Content-Encoding"] == "gzip":
        answer = gzip.decompress(answer)
    return status, returned, answer.decode()


def null_is_nan(address):
    for path, body, find in ROUTES.values():
        status, _, answer = ask(address, path, body.replace("NaN", "null"), NULL)
        same(f"status of {path}", status, 200)
        want(find(json.loads(answer))[5] is None, f"log(null) of {path} is not null: {answer}")
    case = {"name": "features", "datatype": "FP32", "shape": [1, 12], "data": [None] * 12}
    status, _, answer = ask(address, "/v2/models/eta/infer", json.dumps({"inputs": [case]}), {})
    same("status of trees without a value", status, 200)
    want(np.isfinite(json.loads(answer)["outputs"][0]["data"][0]), f"the trees answered {answer}")


def unknown_form(address):
    for path, body, _ in ROUTES.values():
        status, _, answer = ask(address, path, body, {"Sluice-Nonfinite": "zero"})
        same(f"status of {path}", status, 400)
        text = json.loads(answer)["error"]
        want("Sluice-Nonfinite" in text, f"the error does not name the header: {text}")
