"""Writes a model bundle: model.onnx, model.yaml and golden.jsonl in one folder.

Each training script ends here. A model leaves this module only if a batching
server can serve it: axis 0 of every input and output is the symbolic `batch`,
no other axis uses that name, and a row's answer does not depend on its
neighbours.
"""

import hashlib
import json
import pathlib

import numpy as np
import onnx
import onnxruntime as ort

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"
BATCH_AXIS = "batch"
ABS_TOLERANCE, REL_TOLERANCE = 1e-4, 1e-3

# numpy's name of an element type and the Open Inference Protocol's.
DATATYPES = {"float32": "FP32", "int64": "INT64"}


def write(name, model, requests, lineage, settings=""):
    """Checks `model` on `requests` (dicts of arrays) and writes it as version 1 of `name`.

    `settings` is the YAML above the lineage: what the server cannot read from the file.
    """
    onnx.checker.check_model(model, full_check=True)
    check_axes(model.graph)
    session = open_session(model.SerializeToString())
    for request in requests:
        check_rows_independent(session, request)

    folder = MODELS / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    lines = [golden_line(session, request) for request in requests]
    (folder / "golden.jsonl").write_text("".join(line + "\n" for line in lines))
    origin = "".join(f"  {key}: {json.dumps(text)}\n" for key, text in lineage.items())
    (folder / "model.yaml").write_text(f"{settings}lineage:\n{origin}sha256:\n{digests(folder)}")
    size = (folder / "model.onnx").stat().st_size
    print(f"{name}: wrote models/{name}/1, model.onnx {size:,} bytes, {len(lines)} golden lines")


def digests(folder):
    """The pins by which a server notices a file that was changed after training."""
    files = ("golden.jsonl", "model.onnx")
    return "".join(
        f"  {name}: {hashlib.sha256((folder / name).read_bytes()).hexdigest()}\n" for name in files
    )


def open_session(serialized):
    """Opens a session the way a latency-minded server would: one thread, CPU."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])


def run(session, request):
    """Runs one request and returns its outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, request), strict=True))


def check_axes(graph):
    """Refuses a graph whose batch axis is not axis 0 everywhere, and only there."""
    weights = {tensor.name for tensor in graph.initializer}
    for value in [*graph.input, *graph.output]:
        if value.name in weights:
            continue
        axes = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if not axes or axes[0] != BATCH_AXIS or BATCH_AXIS in axes[1:]:
            raise SystemExit(f"{value.name} has axes {axes}, want {BATCH_AXIS!r} first and nowhere else")


def check_rows_independent(session, request):
    """Refuses a model whose rows change when they run alone instead of together."""
    together = run(session, request)
    rows = len(next(iter(request.values())))
    if rows == 0:
        raise SystemExit(f"a golden request has no rows: {list(request)}")
    for row in range(rows):
        alone = run(session, {name: array[row : row + 1] for name, array in request.items()})
        for name, array in alone.items():
            assert_close(f"{name} of row {row} alone", array, together[name][row : row + 1])


def assert_close(what, got, want):
    """Fails with the worst difference if any element is outside the tolerance, or not a number."""
    difference = np.abs(got - want)
    if not np.all(difference <= ABS_TOLERANCE + REL_TOLERANCE * np.abs(want)):
        raise SystemExit(f"{what} differs by up to {difference.max():.3g}")


def golden_line(session, request):
    """One request and its answer, in the protocol's JSON form."""
    return json.dumps(
        {
            "request": {"inputs": tensors(request)},
            "response": {"outputs": tensors(run(session, request))},
        },
        separators=(",", ":"),
    )


def tensors(arrays):
    return [
        {
            "name": name,
            "datatype": DATATYPES[array.dtype.name],
            "shape": list(array.shape),
            "data": numbers(array),
        }
        for name, array in arrays.items()
    ]


def numbers(array):
    """The elements in row-major order; floats in the fewest digits that read back to the same float32."""
    if array.dtype == np.float32:
        return [float(str(value)) for value in array.ravel()]
    return array.ravel().tolist()
