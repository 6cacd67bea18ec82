"""Golden arrays as the tensors of tritonclient, the same for both of its HTTP clients."""

from tritonclient.http import InferInput, InferRequestedOutput

JSON, BINARY = False, True

# How inputs travel, how outputs travel.
WAYS = {
    "json to json": (JSON, JSON),
    "json to binary": (JSON, BINARY),
    "binary to json": (BINARY, JSON),
    "binary to binary": (BINARY, BINARY),
}

# The checks are about right answers, not fast ones: a busy machine may take longer than a model's own budget.
PATIENCE = 10_000_000  # microseconds, as the protocol's `timeout`


def inputs(golden, binary):
    built = []
    for name, array in golden.inputs.items():
        tensor = InferInput(name, list(array.shape), golden.datatypes[name])
        tensor.set_data_from_numpy(array, binary_data=binary)
        built.append(tensor)
    return built


def outputs(golden, binary):
    return [InferRequestedOutput(name, binary_data=binary) for name in golden.outputs]
