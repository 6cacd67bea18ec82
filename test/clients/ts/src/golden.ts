// The golden rows of the example models, in the types that were generated from the server's document.

import { readdirSync, readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { same, want } from "./checks.js";
import type { components } from "./schema.js";

export type InputTensor = components["schemas"]["InputTensor"];
export type OutputTensor = components["schemas"]["OutputTensor"];
export type Value = components["schemas"]["Value"];
export type PredictValue = components["schemas"]["PredictValue"];

export interface Golden {
  inputs: InputTensor[];
  outputs: OutputTensor[];
}

// What an answer may differ by: another processor adds the same floats in another order.
const ABSOLUTE = 1e-4;
const RELATIVE = 1e-3;

export function load(models: string): Map<string, Golden[]> {
  const found = new Map<string, Golden[]>();
  for (const name of readdirSync(models).sort()) {
    const file = join(models, name, "1", "golden.jsonl");
    if (!existsSync(file)) continue;
    const lines = readFileSync(file, "utf8").trim().split("\n");
    found.set(
      name,
      lines.map((line) => {
        const { request, response } = JSON.parse(line) as {
          request: { inputs: InputTensor[] };
          response: { outputs: OutputTensor[] };
        };
        return { inputs: request.inputs, outputs: response.outputs };
      }),
    );
  }
  return found;
}

export function compare(got: OutputTensor[], expected: OutputTensor[]): void {
  same("outputs", got.map((o) => o.name).sort(), expected.map((o) => o.name).sort());
  for (const output of expected) {
    const other = got.find((o) => o.name === output.name);
    want(other?.data !== undefined, `${output.name} has no data`);
    same(`datatype of ${output.name}`, other.datatype, output.datatype);
    same(`shape of ${output.name}`, other.shape, output.shape);
    compareValues(output.name, other.data, flat(output.data ?? []), output.datatype.startsWith("FP"));
  }
}

export function compareValues(name: string, got: Value[], expected: Value[], floats: boolean): void {
  same(`number of values of ${name}`, got.length, expected.length);
  for (const [i, value] of expected.entries()) {
    const other = got[i];
    if (typeof value !== "number" || !floats) {
      same(`value ${i} of ${name}`, other, value);
      continue;
    }
    const near = typeof other === "number" && Math.abs(other - value) <= ABSOLUTE + RELATIVE * Math.abs(value);
    want(near, `value ${i} of ${name} is ${other}, want ${value}`);
  }
}

// flat is the values of nested lists in row-major order.
export function flat(value: unknown): Value[] {
  if (Array.isArray(value)) return value.flatMap(flat);
  if (value === null || typeof value === "number" || typeof value === "boolean" || typeof value === "string") return [value];
  throw new Error(`${JSON.stringify(value)} is no value of a tensor`);
}

// nest is flat values as lists of the given shape.
export function nest(values: PredictValue[], shape: number[]): PredictValue {
  const [, ...inner] = shape;
  if (shape.length === 0) return values[0] ?? null;
  const size = inner.reduce((a, b) => a * b, 1);
  return Array.from({ length: shape[0] ?? 0 }, (_, i) => nest(values.slice(i * size, (i + 1) * size), inner));
}
