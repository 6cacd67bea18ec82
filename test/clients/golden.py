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


# The rows of test/clients/models/log that show what is not a number: y = log(x).
LOG = Golden(
    "log",
    {"x": np.array([[-1, 0, 1, 2], [0.5, np.nan, np.inf, 0]], np.float32)},
    {"y": np.array([[np.nan, -np.inf, 0, np.log(2)], [np.log(0.5), np.nan, np.inf, -np.inf]], np.float32)},
    {"x": "FP32", "y": "FP32"},
)
# The same for clients whose JSON writes null for all that is not finite.
LOG_OF_NULLS = Golden(
    "log",
    {"x": np.array([[-1, 0, 1, 2], [0.5, np.nan, np.nan, 0]], np.float32)},
    {"y": np.array([[np.nan, -np.inf, 0, np.log(2)], [np.log(0.5), np.nan, np.nan, -np.inf]], np.float32)},
    LOG.datatypes,
)


def nulls(case):
    """The case as it is after its values that are not finite were written as null: all of them NaN."""
    outputs = {name: np.where(np.isfinite(array), array, np.nan) for name, array in case.outputs.items()}
    return Golden(case.model, case.inputs, outputs, case.datatypes)


def compare(result, golden, names=None):
    """As compare_arrays, for a result of tritonclient."""
    returned = [output["name"] for output in result.get_response()["outputs"]]
    compare_arrays({name: result.as_numpy(name) for name in returned}, golden, names)


def compare_arrays(arrays, golden, names=None):
    """Fails unless `arrays` are exactly the outputs `names` of `golden`, within the tolerance."""
    names = list(golden.outputs) if names is None else names
    if sorted(arrays) != sorted(names):
        raise AssertionError(f"outputs {sorted(arrays)}, want {names}")
    for name in names:
        got, want = arrays[name], golden.outputs[name]
        if got.shape != want.shape or got.dtype != want.dtype:
            raise AssertionError(
                f"{name} is {got.dtype}{list(got.shape)}, want {want.dtype}{list(want.shape)}"
            )
        finite = np.isfinite(want)
        if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
            raise AssertionError(f"{name} is {got[~finite]} where {want[~finite]} is wanted")
        difference = np.abs(got[finite].astype(np.float64) - want[finite])
        exact = np.issubdtype(want.dtype, np.integer)
        limit = 0 if exact else ABS_TOLERANCE + REL_TOLERANCE * np.abs(want[finite])
        if not np.all(difference <= limit):
            raise AssertionError(f"{name} of {golden.rows} rows is off by up to {difference.max():.3g}")
