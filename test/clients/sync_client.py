"""Checks with tritonclient.http, the blocking client of the Open Inference Protocol."""

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

import golden
import tensors
from checks import same, want

CONCURRENCY, ROUNDS = 8, 6
# More rows than the ranker's max_batch: the server has to split the list and join the answers in order.
LONG_LIST = 500


def run_all(checks, address, models):
    with http.InferenceServerClient(address, concurrency=CONCURRENCY) as client:
        checks.run("sync: server live, ready, metadata", describe_server, client)
        for model, cases in models.items():
            checks.run(f"sync: {model}, ready, metadata, config", describe_model, client, cases[0])
        for model, cases in models.items():
            for way in tensors.WAYS:
                checks.run(f"sync: {model}, {way}", answers, client, cases, way)
        digits, ranker = models["digits"], models["ranker"]
        checks.run("sync: statistics count what was asked", statistics, client, digits[-1])
        checks.run("sync: outputs left out, and only one asked for", chosen_outputs, client, digits[0])
        checks.run("sync: request id, version, priority and timeout", options, client, digits[0])
        checks.run("sync: classification", classification, client, digits[-1])
        checks.run("sync: a list longer than a batch", long_list, client, ranker)
        for algorithm in ("gzip", "deflate"):
            checks.run(f"sync: {algorithm} both ways", compressed, client, models, algorithm)
        for name, fault in FAULTS.items():
            checks.run(f"sync: {name}, and a good request after it", refused, client, digits[0], *fault)
        checks.run("sync: async_infer, each its own answer", at_once, client, models)


def describe_server(client):
    want(client.is_server_live(), "the server is not live")
    want(client.is_server_ready(), "the server is not ready")
    metadata = client.get_server_metadata()
    want(metadata["name"] and metadata["version"], f"the server metadata is {metadata}")
    for extension in ("binary_tensor_data", "statistics", "model_configuration", "classification"):
        want(
            extension in metadata["extensions"],
            f"{extension} is not among the extensions {metadata['extensions']}",
        )
    return f"{metadata['name']} {metadata['version']}"


def describe_model(client, case):
    """What the server says of a model must fit its golden tensors."""
    want(client.is_model_ready(case.model), "the model is not ready")
    want(client.is_model_ready(case.model, "1"), "version 1 is not ready")
    metadata = client.get_model_metadata(case.model)
    same("name", metadata["name"], case.model)
    same("versions", metadata["versions"], ["1"])
    for part, arrays in (("inputs", case.inputs), ("outputs", case.outputs)):
        listed = {tensor["name"]: tensor for tensor in metadata[part]}
        same(part, set(listed), set(arrays))
        for name, array in arrays.items():
            same(f"datatype of {name}", listed[name]["datatype"], case.datatypes[name])
            shape = listed[name]["shape"]
            same(f"batch axis of {name}", shape[0], -1)
            fits = len(shape) == array.ndim and all(a in (-1, b) for a, b in zip(shape, array.shape))
            want(fits, f"{name} has shape {shape} in the metadata and {list(array.shape)} in a golden row")
    config = client.get_model_config(case.model)
    same("name in the config", config["name"], case.model)
    want(config["max_batch_size"] >= 1, f"max_batch_size is {config['max_batch_size']}")
    same("inputs of the config", {tensor["name"] for tensor in config["input"]}, set(case.inputs))
    same("outputs of the config", {tensor["name"] for tensor in config["output"]}, set(case.outputs))
    return f"batches of up to {config['max_batch_size']}"


def ask(client, case, way=(tensors.BINARY, tensors.BINARY), **extra):
    binary_in, binary_out = way
    asked = tensors.outputs(case, binary_out)
    extra = {"timeout": tensors.PATIENCE, **extra}
    return client.infer(case.model, tensors.inputs(case, binary_in), outputs=asked, **extra)


def answers(client, cases, way):
    for case in cases:
        golden.compare(ask(client, case, tensors.WAYS[way]), case)
    return f"{len(cases)} requests, {sum(case.rows for case in cases)} rows"


def statistics(client, case):
    def counted():
        [stats] = client.get_inference_statistics(case.model)["model_stats"]
        same("name and version", (stats["name"], stats["version"]), (case.model, "1"))
        return (
            stats["inference_count"],
            stats["execution_count"],
            stats["inference_stats"]["success"]["count"],
        )

    before = counted()
    ask(client, case)
    rows, runs, requests = (after - was for after, was in zip(counted(), before))
    same("rows counted", rows, case.rows)
    same("requests counted", requests, 1)
    want(runs >= 1, "no run was counted")


def chosen_outputs(client, case):
    every = client.infer(case.model, tensors.inputs(case, tensors.JSON))
    golden.compare(every, case)
    # Without a list of outputs the client asks for all of them in binary.
    for output in every.get_response()["outputs"]:
        want("binary_data_size" in output.get("parameters", {}), f"{output['name']} did not come in binary")
    for name in case.outputs:
        only = [http.InferRequestedOutput(name, binary_data=False)]
        golden.compare(
            client.infer(case.model, tensors.inputs(case, tensors.BINARY), outputs=only), case, [name]
        )


def options(client, case):
    result = ask(client, case, request_id='a "quoted" id', model_version="1", priority=1, timeout=5_000_000)
    golden.compare(result, case)
    response = result.get_response()
    same("id", response["id"], 'a "quoted" id')
    same(
        "model_name and model_version", (response["model_name"], response["model_version"]), (case.model, "1")
    )
    want("id" not in ask(client, case).get_response(), "an id was answered that nobody sent")


def classification(client, case):
    """The three likeliest digits of each row, best first, as value:index:label."""
    best = 3
    probabilities = case.outputs["probabilities"]
    for binary in (tensors.JSON, tensors.BINARY):
        asked = [http.InferRequestedOutput("probabilities", binary_data=binary, class_count=best)]
        got = client.infer(case.model, tensors.inputs(case, binary), outputs=asked).as_numpy("probabilities")
        same("shape", got.shape, (case.rows, best))
        for row, texts in enumerate(got):
            classes = [parse_class(text) for text in texts]
            values = [value for value, _, _ in classes]
            indices = [index for _, index, _ in classes]
            same(f"best class of row {row}", indices[0], int(probabilities[row].argmax()))
            same(
                f"labels of row {row}", [label for _, _, label in classes], [str(index) for index in indices]
            )
            want(
                len(set(indices)) == best and values == sorted(values, reverse=True), f"row {row} has {texts}"
            )
            off = np.abs(np.array(values) - probabilities[row, indices]).max()
            want(off < golden.REL_TOLERANCE, f"values of row {row} are off by {off:.3g}: {texts}")


def parse_class(text):
    value, index, label = (text.decode() if isinstance(text, bytes) else text).split(":")
    return float(value), int(index), label


def long_list(client, cases):
    """One request of 500 candidates, made of golden rows in a shuffled order."""
    largest = max(cases, key=lambda case: case.rows)
    order = np.random.default_rng(1).integers(0, largest.rows, LONG_LIST)
    case = largest.take(order)
    for way in tensors.WAYS.values():
        golden.compare(ask(client, case, way), case)
    return f"{case.rows} rows"


def compressed(client, models, algorithm):
    both = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    for cases in models.values():
        for way in tensors.WAYS.values():
            golden.compare(ask(client, cases[-1], way, **both), cases[-1])


def _wrong_type(case):
    tensor = http.InferInput("image", [1, 1, 8, 8], "INT64")
    return [tensor.set_data_from_numpy(np.zeros((1, 1, 8, 8), np.int64))]


def _wrong_shape(case):
    tensor = http.InferInput("image", [1, 1, 8, 9], "FP32")
    return [tensor.set_data_from_numpy(np.zeros((1, 1, 8, 9), np.float32))]


def _unknown_input(case):
    tensor = http.InferInput("picture", [1, 1, 8, 8], "FP32")
    return [tensor.set_data_from_numpy(np.zeros((1, 1, 8, 8), np.float32))]


def _ids_only(case):
    ids = [http.InferInput(name, [1], "INT64") for name in ("user_id", "store_id")]
    return [tensor.set_data_from_numpy(np.zeros(1, np.int64)) for tensor in ids]


def _good(case):
    return tensors.inputs(case, tensors.BINARY)


# What is wrong: the request's model, version, inputs and output, the status, and words of the error.
FAULTS = {
    "an unknown model": ("no_such_model", "", _good, "label", "404", "no_such_model"),
    "an unknown version": ("digits", "99", _good, "label", "404", "99"),
    "no input": ("digits", "", lambda case: [], "label", "400", "inputs"),
    "a missing input": ("ranker", "", _ids_only, "score", "400", "dense"),
    "an unknown input": ("digits", "", _unknown_input, "label", "400", "picture"),
    "an unknown output": ("digits", "", _good, "lable", "400", "lable"),
    "a wrong datatype": ("digits", "", _wrong_type, "label", "400", "image"),
    "a wrong shape": ("digits", "", _wrong_shape, "label", "400", "image"),
}


def refused(client, case, model, version, inputs, output, status, words):
    asked = [http.InferRequestedOutput(output)]
    try:
        client.infer(model, inputs(case), model_version=version, outputs=asked)
    except InferenceServerException as refusal:
        text = refusal.message()
        same("status", refusal.status(), status)
        want(words in text, f"the error does not say {words!r}: {text!r}")
    else:
        raise AssertionError("the request was answered")
    golden.compare(ask(client, case), case)
    return text


def at_once(client, models):
    """Every golden request, several times, all ways mixed, on all connections of the client."""
    cases = [case for _ in range(ROUNDS) for group in zip(*models.values()) for case in group]
    ways = list(tensors.WAYS.values())
    pending = []
    for number, case in enumerate(cases):
        binary_in, binary_out = ways[number % len(ways)]
        asked = tensors.outputs(case, binary_out)
        answer = client.async_infer(
            case.model,
            tensors.inputs(case, binary_in),
            outputs=asked,
            request_id=f"request {number}",
            timeout=tensors.PATIENCE,
        )
        pending.append((number, case, answer))
    for number, case, answer in pending:
        result = answer.get_result()
        same("id", result.get_response()["id"], f"request {number}")
        golden.compare(result, case)
    return f"{len(cases)} requests, {CONCURRENCY} connections"
