"""Checks with tritonclient.http.aio, the asyncio client of the Open Inference Protocol."""

import asyncio

import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

import golden
import nonfinite
import tensors
from checks import same, want

# Enough in flight that rows of different requests, and of different lengths, share batches.
CONCURRENCY, ROUNDS = 32, 6


async def run_all(checks, address, models):
    async with aio.InferenceServerClient(address, conn_limit=CONCURRENCY) as client:
        await checks.run_async("aio: live, ready, metadata, config, stats", describe, client, models)
        for model, cases in models.items():
            for way in tensors.WAYS:
                await checks.run_async(f"aio: {model}, {way}", answers, client, cases, way)
        for algorithm in ("gzip", "deflate"):
            await checks.run_async(f"aio: {algorithm} both ways", compressed, client, models, algorithm)
        await checks.run_async(
            "aio: errors, and a good request after each", errors, client, models["digits"][0]
        )
        await nonfinite.run_all_async(checks, client)
        await checks.run_async("aio: many requests at once, each its own answer", at_once, client, models)


async def describe(client, models):
    want(await client.is_server_live(), "the server is not live")
    want(await client.is_server_ready(), "the server is not ready")
    want("name" in await client.get_server_metadata(), "the server metadata has no name")
    for model in models:
        want(await client.is_model_ready(model), f"{model} is not ready")
        same("name", (await client.get_model_metadata(model))["name"], model)
        same("name", (await client.get_model_config(model))["name"], model)
        same("name", (await client.get_inference_statistics(model))["model_stats"][0]["name"], model)
    index = await client.get_model_repository_index()
    want({entry["name"] for entry in index} >= set(models), f"the index is {index}")


async def ask(client, case, way=(tensors.BINARY, tensors.BINARY), **extra):
    binary_in, binary_out = way
    asked = tensors.outputs(case, binary_out)
    extra = {"timeout": tensors.PATIENCE, **extra}
    return await client.infer(case.model, tensors.inputs(case, binary_in), outputs=asked, **extra)


async def answers(client, cases, way):
    for case in cases:
        golden.compare(await ask(client, case, tensors.WAYS[way]), case)
    return f"{len(cases)} requests, {sum(case.rows for case in cases)} rows"


async def compressed(client, models, algorithm):
    both = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    for cases in models.values():
        for way in tensors.WAYS.values():
            golden.compare(await ask(client, cases[-1], way, **both), cases[-1])


async def errors(client, case):
    for model, version, status in [("no_such_model", "", "404"), (case.model, "99", "404")]:
        try:
            await client.infer(model, tensors.inputs(case, True), model_version=version)
        except InferenceServerException as refusal:
            same(f"status of {model} version {version!r}", refusal.status(), status)
            want(refusal.message(), "the error has no text")
        else:
            raise AssertionError(f"{model} version {version!r} was answered")
        golden.compare(await ask(client, case), case)


async def at_once(client, models):
    """Every golden request, several times, all ways mixed, with CONCURRENCY of them in flight."""
    slots = asyncio.Semaphore(CONCURRENCY)
    ways = list(tensors.WAYS.values())

    async def one(number, case):
        async with slots:
            result = await ask(client, case, ways[number % len(ways)], request_id=f"request {number}")
        same("id", result.get_response()["id"], f"request {number}")
        golden.compare(result, case)

    cases = [case for _ in range(ROUNDS) for group in zip(*models.values()) for case in group]
    await asyncio.gather(*(one(number, case) for number, case in enumerate(cases)))
    return f"{len(cases)} requests, {CONCURRENCY} in flight"
