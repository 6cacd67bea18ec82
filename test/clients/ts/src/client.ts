// A client that is generated from the server's own OpenAPI document, against every example model.
//
//   client.js URL MODELS
//
// The types come from /openapi.json of the running server and are compiled with everything that is strict: a field that the
// document does not have, or has in another type, is an error of the compiler.

import createClient from "openapi-fetch";
import { check, end, same, want } from "./checks.js";
import { compare, compareValues, flat, load, nest, type Golden, type PredictValue } from "./golden.js";
import type { paths } from "./schema.js";

const [url, models] = process.argv.slice(2);
if (url === undefined || models === undefined) {
  console.error("usage: client.js URL MODELS");
  process.exit(2);
}
// JSON is asked for and answered, so that the type of an answer is not also that of binary tensors.
const client = createClient<paths, "application/json">({ baseUrl: url });
const patient = { "Sluice-Budget-Ms": 10000 };

async function infer(model: string, golden: Golden): Promise<void> {
  const { data, error, response } = await client.POST("/v2/models/{model}/infer", {
    params: { path: { model }, header: patient },
    body: { id: "from TypeScript", inputs: golden.inputs },
  });
  want(data !== undefined, `${model} refused: ${error?.code} ${error?.error}`);
  same("id", data.id, "from TypeScript");
  same("model", [data.model_name, data.model_version], [model, "1"]);
  want(response.headers.get("Sluice-Device") !== null, "the answer does not name its device");
  compare(data.outputs, golden.outputs);
}

async function chosen(model: string, golden: Golden): Promise<void> {
  const last = golden.outputs.at(-1);
  want(last !== undefined, "the golden row has no output");
  const { data } = await client.POST("/v2/models/{model}/versions/{version}/infer", {
    params: { path: { model, version: "1" }, header: patient },
    body: { inputs: golden.inputs, outputs: [{ name: last.name, parameters: { binary_data: false } }] },
  });
  compare(data?.outputs ?? [], [last]);
}

async function columns(model: string, golden: Golden): Promise<void> {
  const inputs = Object.fromEntries(golden.inputs.map((t) => [t.name, nest(t.data ?? [], t.shape)]));
  const { data } = await client.POST("/v1/models/{model}:predict", {
    params: { path: { model }, header: patient },
    body: { inputs },
  });
  want(data !== undefined && "outputs" in data, "the answer has no outputs");
  for (const { name, data: values, datatype } of golden.outputs) {
    const found = golden.outputs.length > 1 ? member(data.outputs, name) : data.outputs;
    compareValues(name, flat(found), values ?? [], datatype.startsWith("FP"));
  }
}

async function rows(model: string, golden: Golden): Promise<void> {
  const count = golden.inputs[0]?.shape[0] ?? 0;
  const nested = golden.inputs.map((t) => ({ name: t.name, rows: nest(t.data ?? [], t.shape) }));
  const instances: PredictValue[] = Array.from({ length: count }, (_, row) =>
    Object.fromEntries(nested.map((t) => [t.name, Array.isArray(t.rows) ? (t.rows[row] ?? null) : null])),
  );
  const { data } = await client.POST("/v1/models/{model}/versions/{version}:predict", {
    params: { path: { model, version: "1" }, header: patient },
    body: { instances },
  });
  want(data !== undefined && "predictions" in data, "the answer has no predictions");
  for (const { name, data: values, datatype } of golden.outputs) {
    const found = data.predictions.map((row) => (golden.outputs.length > 1 ? member(row, name) : row));
    compareValues(name, flat(found), values ?? [], datatype.startsWith("FP"));
  }
}

function member(value: PredictValue, name: string): unknown {
  want(value !== null && typeof value === "object" && !Array.isArray(value), `no object where ${name} should be`);
  return value[name];
}

// binary sends each input of floats as bytes, and asks for the same back.
async function binary(model: string, golden: Golden): Promise<void> {
  const bytes: Uint8Array<ArrayBuffer>[] = [];
  const inputs = golden.inputs.map((t) => {
    if (t.datatype !== "FP32") return t;
    const blob = new Uint8Array(new Float32Array((t.data ?? []).map(Number)).buffer);
    bytes.push(blob);
    return { name: t.name, datatype: t.datatype, shape: t.shape, parameters: { binary_data_size: blob.length } };
  });
  const floats = golden.outputs.filter((o) => o.datatype === "FP32");
  const outputs = floats.map((o) => ({ name: o.name, parameters: { binary_data: true } }));
  const header = new TextEncoder().encode(JSON.stringify({ inputs, outputs }));
  const { data, response } = await client.POST("/v2/models/{model}/infer", {
    params: { path: { model }, header: { ...patient, "Inference-Header-Content-Length": header.length } },
    headers: { "Content-Type": "application/octet-stream" },
    body: { inputs, outputs },
    bodySerializer: () => new Blob([header, ...bytes]),
    parseAs: "arrayBuffer",
  });
  want(data !== undefined, `status ${response.status}`);
  let at = Number(response.headers.get("Inference-Header-Content-Length"));
  for (const output of floats) {
    const size = 4 * (output.data ?? []).length;
    compareValues(output.name, [...new Float32Array(data.slice(at, at + size))], output.data ?? [], true);
    at += size;
  }
  same("bytes of the answer", data.byteLength, at);
}

async function describe(model: string): Promise<string> {
  const path = { model };
  const metadata = await client.GET("/v2/models/{model}", { params: { path } });
  const config = await client.GET("/v2/models/{model}/config", { params: { path } });
  const statistics = await client.GET("/v2/models/{model}/stats", { params: { path } });
  const state = await client.GET("/v1/models/{model}", { params: { path } });
  const ready = await client.GET("/v2/models/{model}/ready", { params: { path } });
  same("name", metadata.data?.name, model);
  same("inputs of the configuration", config.data?.input.map((i) => i.name), metadata.data?.inputs.map((i) => i.name));
  same("version of the statistics", statistics.data?.model_stats[0]?.version, "1");
  want((statistics.data?.model_stats[0]?.inference_stats.success.count ?? 0) > 0, "the statistics count nothing");
  same("state", state.data?.model_version_status[0]?.state, "AVAILABLE");
  same("ready", ready.data?.ready, true);
  return `batches of up to ${config.data?.max_batch_size}`;
}

async function server(): Promise<string> {
  const { data: live } = await client.GET("/v2/health/live");
  const { data: ready } = await client.GET("/v2/health/ready");
  const { data: metadata } = await client.GET("/v2");
  const { data: list } = await client.GET("/v2/models");
  const { data: index } = await client.POST("/v2/repository/index", { body: { ready: true } });
  same("live and ready", [live?.live, ready?.ready], [true, true]);
  same("models of the index", index?.map((m) => m.name).sort(), list?.models.toSorted());
  return `${metadata?.name} ${metadata?.version}`;
}

// What is not finite is null in an answer, and null in a request is NaN.
async function nonfinite(): Promise<void> {
  const data = [-1, 0, 1, null];
  const { data: answer, error } = await client.POST("/v2/models/{model}/infer", {
    params: { path: { model: "log" }, header: { ...patient, "Sluice-Nonfinite": "null" } },
    body: { inputs: [{ name: "x", datatype: "FP32", shape: [1, 4], data }] },
  });
  want(answer !== undefined, `refused: ${error?.error}`);
  same("values", answer.outputs[0]?.data, [null, null, 0, null]);
  const { data: rows } = await client.POST("/v1/models/{model}:predict", {
    params: { path: { model: "log" }, header: { ...patient, "Sluice-Nonfinite": "null" } },
    body: { instances: [data] },
  });
  want(rows !== undefined && "predictions" in rows, "the answer has no predictions");
  same("predictions", rows.predictions, [[null, null, 0, null]]);
}

async function refusals(golden: Golden): Promise<void> {
  const ask = (model: string, inputs: Golden["inputs"], budget: number) =>
    client.POST("/v2/models/{model}/infer", {
      params: { path: { model }, header: { "Sluice-Budget-Ms": budget } },
      body: { inputs },
    });
  const unknown = await ask("no_such_model", golden.inputs, 10000);
  same("unknown model", [unknown.response.status, unknown.error?.code], [404, "MODEL_NOT_FOUND"]);
  const [first] = golden.inputs;
  want(first !== undefined, "the golden row has no input");
  const few = await ask("digits", [{ ...first, data: [1] }], 10000);
  same("too few values", [few.response.status, few.error?.code], [400, "DATA_LENGTH_MISMATCH"]);
  want(few.error?.error.includes("image") === true, `the error does not name the input: ${few.error?.error}`);
  const late = await ask("digits", golden.inputs, 0.001);
  want([429, 504].includes(late.response.status), `a budget of a microsecond got ${late.response.status}`);
  const good = await ask("digits", golden.inputs, 10000);
  compare(good.data?.outputs ?? [], golden.outputs);
}

const found = load(models);
for (const [model, goldens] of found) {
  for (const [name, way] of Object.entries({ infer, "one output of a version": chosen, "V1 by column": columns, "V1 by row": rows, "binary tensors": binary })) {
    await check(`typescript: ${model}, ${name}`, async () => {
      for (const golden of goldens) await way(model, golden);
      return `${goldens.length} requests`;
    });
  }
  await check(`typescript: ${model}, descriptions`, () => describe(model));
}
await check("typescript: server", server);
await check("typescript: values that are not finite", nonfinite);
await check("typescript: refusals", async () => refusals(found.get("digits")?.[0] ?? { inputs: [], outputs: [] }));
end("typescript");
