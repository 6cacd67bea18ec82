"""Checks with KServe's SDK over V2 and V1. Its JSON parser is strict, and it writes NaN as null."""

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

import golden
import tensors
import wire
from checks import same, want
from nonfinite import CASE, NULL, NULLS


async def run_all(checks, address, models):
    url = f"http://{address}"
    async with (
        InferenceRESTClient(RESTConfig(protocol="v2")) as v2,
        InferenceRESTClient(RESTConfig(protocol="v1")) as v1,
    ):
        await checks.run_async("kserve: live and ready", describe, v2, v1, url, models)
        for model, cases in models.items():
            for way in tensors.WAYS:
                await checks.run_async(f"kserve: {model}, {way}", answers, v2, url, cases, way)
            await checks.run_async(f"kserve: {model}, V1 by row", rows, v1, url, cases)
            await checks.run_async(f"kserve: {model}, V1 by column", columns, v1, url, cases)
        for way in tensors.WAYS:
            await checks.run_async(f"kserve: values that are not finite, {way}", nonfinite, v2, url, way)
        await checks.run_async("kserve: values that are not finite, V1", nonfinite_v1, v1, url)
        await checks.run_async("kserve: refusals", refusals, v2, v1, url, models)


async def describe(v2, v1, url, models):
    same("live, V2", await v2.is_server_live(url), True)
    same("ready, V2", await v2.is_server_ready(url), True)
    same("live, V1", await v1.is_server_live(url), True)
    for model in [*models, "log"]:
        same(f"{model} ready, V2", await v2.is_model_ready(url, model), True)
        same(f"{model} ready, V1", await v1.is_model_ready(url, model), True)
    same("ready of an unknown model, V2", await v2.is_model_ready(url, "no_such_model"), False)


async def infer(client, url, case, way, **headers):
    binary_in, binary_out = tensors.WAYS[way]
    inputs = []
    for name, array in case.inputs.items():
        tensor = InferInput(name, list(array.shape), case.datatypes[name])
        tensor.set_data_from_numpy(array, binary_data=binary_in)
        inputs.append(tensor)
    outputs = [RequestedOutput(name, {"binary_data": binary_out}) for name in case.outputs]
    request = InferRequest(case.model, inputs, request_id="from kserve", request_outputs=outputs)
    answer = await client.infer(url, request, case.model, headers={**wire.PATIENT, **headers})
    same("id", answer.id, "from kserve")
    same("model", answer.model_name, case.model)
    return {output.name: output.as_numpy() for output in answer.outputs}


async def answers(client, url, cases, way):
    for case in cases:
        golden.compare_arrays(await infer(client, url, case, way), case)
    return f"{len(cases)} requests"


async def rows(client, url, cases):
    for case in cases:
        names = list(case.inputs)
        lists = {name: array.tolist() for name, array in case.inputs.items()}
        if len(names) == 1:
            instances = lists[names[0]]
        else:
            instances = [{name: lists[name][row] for name in names} for row in range(case.rows)]
        answer = await client.infer(url, {"instances": instances}, case.model, headers=wire.PATIENT)
        same("keys", list(answer), ["predictions"])
        found = answer["predictions"]
        if len(case.outputs) > 1:
            by_name = {name: [row[name] for row in found] for name in case.outputs}
        else:
            by_name = {name: found for name in case.outputs}
        golden.compare_arrays(as_arrays(by_name, case), case)


async def columns(client, url, cases):
    for case in cases:
        lists = {name: array.tolist() for name, array in case.inputs.items()}
        answer = await client.infer(url, {"inputs": lists}, case.model, headers=wire.PATIENT)
        same("keys", list(answer), ["outputs"])
        found = answer["outputs"]
        by_name = found if len(case.outputs) > 1 else {name: found for name in case.outputs}
        golden.compare_arrays(as_arrays(by_name, case), case)


def as_arrays(lists, case):
    return {name: np.array(values, case.outputs[name].dtype) for name, values in lists.items()}


async def nonfinite(client, url, way):
    """What the SDK asks for in JSON it can read only as null; in binary it needs no header."""
    case = CASE
    if way.startswith("json"):  # its JSON has null for NaN, and for Infinity too
        case = golden.LOG_OF_NULLS
    if way.endswith("binary"):
        golden.compare_arrays(await infer(client, url, case, way), case)
    got = await infer(client, url, case, way, **NULL)
    golden.compare_arrays(got, golden.nulls(case) if way.endswith("json") else case)


async def nonfinite_v1(client, url):
    values = {"instances": golden.LOG_OF_NULLS.inputs["x"].tolist()}
    answer = await client.infer(url, values, "log", headers={**wire.PATIENT, **NULL})
    got = np.array(answer["predictions"], np.float32)
    golden.compare_arrays({"y": got}, golden.nulls(golden.LOG_OF_NULLS))
    want(answer["predictions"][0][1] is None, f"the prediction is {answer['predictions']}")


async def refusals(v2, v1, url, models):
    case = models["digits"][0]
    good = {"instances": case.inputs["image"].tolist()}
    for client, model, data, status, words in (
        (v2, "no_such_model", InferRequest("no_such_model", []), 404, "no_such_model"),
        (v2, "digits", InferRequest("digits", []), 400, "inputs"),
        (v1, "no_such_model", good, 404, "no_such_model"),
        (v1, "digits", {"instances": []}, 400, "instances"),
    ):
        try:
            await client.infer(url, data, model, headers=dict(wire.PATIENT))
        except httpx.HTTPStatusError as refusal:
            same("status", refusal.response.status_code, status)
            want(words in str(refusal), f"the error does not say {words!r}: {refusal}")
        else:
            raise AssertionError(f"{data} of {model} was answered")
    golden.compare_arrays(await infer(v2, url, case, "json to json"), case)
