// Node's own JSON.parse, which takes nothing but JSON, over every route and model.
//
//   strict.js URL MODELS

import { check, end, same, want } from "./checks.js";
import { load, nest } from "./golden.js";

const [url, models] = process.argv.slice(2);
if (url === undefined || models === undefined) {
  console.error("usage: strict.js URL MODELS");
  process.exit(2);
}

async function parsed(path: string, init: RequestInit = {}, status = 200): Promise<unknown> {
  const response = await fetch(url + path, init);
  const text = await response.text();
  same(`status of ${path}`, response.status, status);
  return JSON.parse(text) as unknown;
}

const post = (body: string, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  body,
  headers: { "Sluice-Budget-Ms": "10000", ...headers },
});
const log = '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [-1, 0, 1, Infinity]}]}';
const rows = '{"instances": [[-1, 0, 1, null]]}';

for (const [model, goldens] of load(models)) {
  await check(`JSON.parse: ${model}`, async () => {
    for (const { inputs } of goldens) {
      await parsed(`/v2/models/${model}/infer`, post(JSON.stringify({ inputs })));
      const columns = Object.fromEntries(inputs.map((t) => [t.name, nest(t.data ?? [], t.shape)]));
      await parsed(`/v1/models/${model}:predict`, post(JSON.stringify({ inputs: columns })));
    }
    for (const what of ["", "/ready", "/config", "/stats", "/versions/1", "/versions/1/config"]) {
      await parsed(`/v2/models/${model}${what}`);
    }
    await parsed(`/v1/models/${model}`);
  });
}
await check("JSON.parse: server", async () => {
  for (const path of ["/", "/openapi.json", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", "/v2/models/stats", "/v1/models"]) {
    await parsed(path);
  }
  await parsed("/v2/repository/index", post(""));
});
await check("JSON.parse: refusals", async () => {
  await parsed("/no/such/path", {}, 404);
  await parsed("/v2/models/no_such_model", {}, 404);
  await parsed("/v2/models/digits/infer", post('{"inputs": [{"name": "\\u0001\\"\\\\"}]}'), 400);
  await parsed("/v2/models/digits/infer", post("{"), 400);
});
const clean = { "Sluice-Nonfinite": "null" };
await check("JSON.parse: values that are not finite, as null", async () => {
  same("values", await outputs(clean), [null, null, 0, null]);
  same("rows", await parsed("/v1/models/log:predict", post(rows, clean)), { predictions: [[null, null, 0, null]] });
});
await check("JSON.parse: values that are not finite, by default", async () => {
  for (const [path, body] of [["/v2/models/log/infer", log], ["/v1/models/log:predict", rows]] as const) {
    const fault = await parsed(path, post(body)).catch((fault: unknown) => fault);
    want(fault instanceof SyntaxError, `${path} is JSON: ${JSON.stringify(fault)}`);
  }
});
end("JSON.parse");

async function outputs(headers: Record<string, string>): Promise<unknown> {
  const answer = (await parsed("/v2/models/log/infer", post(log, headers))) as { outputs: { data: unknown }[] };
  return answer.outputs[0]?.data;
}
