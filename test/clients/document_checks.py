"""Asks every route of the OpenAPI document, well and badly, and holds the answers against the document."""

import gzip
import json

import wire
from checks import want
from document import Document
from nonfinite import NULL, ROUTES

INFER = ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer")
PREDICT = ("/v1/models/{model}:predict", "/v1/models/{model}/versions/{version}:predict")


def run_all(checks, address, models):
    document = Document(address)
    checks.run("openapi: the document is valid", document.validate)
    for model, cases in models.items():
        checks.run(f"openapi: {model}, predictions", predictions, document, address, cases)
    checks.run("openapi: log, as null", as_null, document, address)
    checks.run("openapi: descriptions", descriptions, document, address, [*models, "log"])
    for name, refusal in REFUSALS.items():
        checks.run(f"openapi: {name}", refused, document, address, models["digits"][0], *refusal)
    checks.run("openapi: a budget that nothing meets", too_late, document, address, models["encoder"][-1])
    checks.run("openapi: every operation was asked", every_operation, document)


def ask(document, address, method, path, model, body=None, headers=None, good=True):
    """Asks one route, holds the answer against the document and returns its status."""
    target = path.replace("{model}", model).replace("{version}", "1")
    sent = dict(headers or {})
    status, returned, answer = wire.fetch(address, method.upper(), target, body, sent)
    if returned["Content-Encoding"] == "gzip":
        answer = gzip.decompress(answer)
    document.check(method, path, status, returned, answer)
    if good:
        want(status == 200, f"{method} {target} is {status}: {answer[:200]!r}")
        document.check_parameters(method, path, sent)
    return status


def predictions(document, address, cases):
    for case in cases:
        names = list(case.outputs)
        tensors = [wire.as_json(case, name) for name in case.inputs]
        nested = [{**t, "data": case.inputs[t["name"]].tolist()} for t in tensors]
        bodies = [
            {"id": "a", "inputs": tensors, "parameters": {"timeout": 10_000_000, "priority": 1}},
            {"inputs": nested, "outputs": [{"name": names[0], "parameters": {"binary_data": False}}]},
            {"inputs": tensors, "outputs": [{"name": names[-1], "parameters": {"binary_data": True}}]},
            {"inputs": tensors, "parameters": {"binary_data_output": True}},
            {"inputs": tensors, "outputs": [{"name": names[-1], "parameters": {"classification": 2}}]},
        ]
        if case.outputs[names[-1]].ndim > 2:
            bodies.pop()  # classes are those of rows
        for path in INFER:
            for body in map(json.dumps, bodies):
                document.check_request("post", path, body)
                ask(document, address, "post", path, case.model, body, wire.PATIENT)
            packed = gzip.compress(json.dumps(bodies[0]).encode())
            codings = {**wire.PATIENT, "Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
            ask(document, address, "post", path, case.model, packed, codings)
        lists = {name: array.tolist() for name, array in case.inputs.items()}
        rows = [{name: values[row] for name, values in lists.items()} for row in range(case.rows)]
        for path in PREDICT:
            for body in map(json.dumps, ({"instances": rows}, {"inputs": lists})):
                document.check_request("post", path, body)
                ask(document, address, "post", path, case.model, body, wire.PATIENT)


def as_null(document, address):
    for path, body, _ in ROUTES.values():
        pattern = path.replace("/log", "/{model}").replace("versions/1", "versions/{version}")
        body = body.replace("NaN", "null").replace("Infinity", "1e9")
        document.check_request("post", pattern, body)
        ask(document, address, "post", pattern, "log", body, {**wire.PATIENT, **NULL})
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [-1, 0, 1, None]}
    body = json.dumps({"inputs": [tensor]})
    document.check_request("post", INFER[0], body)
    ask(document, address, "post", INFER[0], "log", body, {**wire.PATIENT, **NULL})


def descriptions(document, address, models):
    """Every GET and HEAD, and the index, for every model."""
    for method, path in sorted(document.operations()):
        if method == "post" and path not in INFER + PREDICT:
            for body in ("", "{}", '{"ready": true}'):
                ask(document, address, method, path, "", body)
        elif method != "post":
            for model in models if "{model}" in path else [""]:
                ask(document, address, method, path, model)


# What is wrong: the method, the routes, the model and version, the body, the headers and the status.
BAD = b'{"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": [1]}]}'
LARGE = {"Content-Length": str(1 << 40)}
REFUSALS = {
    "no JSON": ("post", INFER + PREDICT, "digits", b"{", {}, 400),
    "too few values": ("post", INFER, "digits", BAD, {}, 400),
    "a budget that is no number": ("post", INFER + PREDICT, "digits", BAD, {"Sluice-Budget-Ms": "x"}, 400),
    "a form that is unknown": ("post", INFER + PREDICT, "digits", BAD, {"Sluice-Nonfinite": "x"}, 400),
    "an unknown model": ("post", INFER + PREDICT, "no_such_model", BAD, {}, 404),
    "a name that is none": ("post", INFER + PREDICT, "a%20b", BAD, {}, 400),
    "a body that is too large": ("post", INFER + PREDICT, "digits", b"", LARGE, 413),
    "an unknown coding": ("post", INFER + PREDICT, "digits", BAD, {"Content-Encoding": "br"}, 501),
    "an index of nothing": ("post", ("/v2/repository/index",), "", b"[]", {}, 400),
    "metadata of an unknown model": (
        "get",
        tuple(
            f"/v2/models/{{model}}{version}{what}"
            for version in ("", "/versions/{version}")
            for what in ("", "/ready", "/config")
        )
        + ("/v1/models/{model}", "/v1/models/{model}/versions/{version}"),
        "no_such_model",
        None,
        {},
        404,
    ),
    "statistics of an unknown model": (
        "get",
        ("/v2/models/{model}/stats", "/v2/models/{model}/versions/{version}/stats"),
        "no_such_model",
        None,
        {},
        400,
    ),
}


def refused(document, address, case, method, paths, model, body, headers, status):
    for path in paths:
        got = ask(document, address, method, path, model, body, {**wire.PATIENT, **headers}, good=False)
        want(got == status, f"{method} {path} of {model} is {got}, want {status}")
    body = json.dumps({"inputs": [wire.as_json(case, name) for name in case.inputs]})
    ask(document, address, "post", INFER[0], case.model, body, wire.PATIENT)


def too_late(document, address, case):
    """A budget of a microsecond: whoever finds out first says so, in one of these ways."""
    body = json.dumps({"inputs": [wire.as_json(case, name) for name in case.inputs]})
    for path in INFER:
        status = ask(
            document, address, "post", path, case.model, body, {"Sluice-Budget-Ms": "0.001"}, good=False
        )
        want(status in (429, 504), f"the status is {status}")


def every_operation(document):
    left = document.operations() - document.asked
    want(not left, f"never asked: {sorted(left)}")
    return f"{len(document.asked)} of them"
