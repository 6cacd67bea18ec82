"""The golden rows of the example models, as numpy arrays."""

import json
import pathlib
from dataclasses import dataclass

import numpy as np

NUMPY_TYPES = {"BOOL": np.bool_, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64}

# What an answer may differ by: another processor adds the same floats in another order.
ABS_TOLERANCE, REL_TOLERANCE = 1e-4, 1e-3


@dataclass(frozen=True)
class Golden:
    """One request of a model and its right answer."""

    model: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    datatypes: dict[str, str]

    @property
    def rows(self):
        return len(next(iter(self.inputs.values())))

    def take(self, rows):
        """The same request with only these rows, in this order; a row may come twice."""
        return Golden(
            self.model,
            {name: array[rows] for name, array in self.inputs.items()},
            {name: array[rows] for name, array in self.outputs.items()},
            self.datatypes,
        )


def load(models):
    """All golden requests under `models`, by model name."""
    found = {}
    for path in sorted(pathlib.Path(models).glob("*/1/golden.jsonl")):
        name = path.parent.parent.name
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        found[name] = [
            Golden(
                name,
                arrays(line["request"]["inputs"]),
                arrays(line["response"]["outputs"]),
                {
                    tensor["name"]: tensor["datatype"]
                    for part in line.values()
                    for group in part.values()
                    for tensor in group
                },
            )
            for line in lines
        ]
    if not found:
        raise SystemExit(f"no golden.jsonl under {models}")
    return found


def arrays(tensors):
    return {
        tensor["name"]: np.array(tensor["data"], NUMPY_TYPES[tensor["datatype"]]).reshape(tensor["shape"])
        for tensor in tensors
    }


def compare(result, golden, names=None):
    """Fails unless `result` holds exactly the outputs `names` of `golden`, within the tolerance."""
    names = list(golden.outputs) if names is None else names
    returned = [output["name"] for output in result.get_response()["outputs"]]
    if sorted(returned) != sorted(names):
        raise AssertionError(f"outputs {returned}, want {names}")
    for name in names:
        got, want = result.as_numpy(name), golden.outputs[name]
        if got.shape != want.shape or got.dtype != want.dtype:
            raise AssertionError(
                f"{name} is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
            )
        difference = np.abs(got.astype(np.float64) - want)
        exact = np.issubdtype(want.dtype, np.integer)
        limit = 0 if exact else ABS_TOLERANCE + REL_TOLERANCE * np.abs(want)
        if not np.all(difference <= limit):
            raise AssertionError(f"{name} of {golden.rows} rows is off by up to {difference.max():.3g}")
