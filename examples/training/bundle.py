"""Writes a model bundle: model.onnx, model.yaml and golden.jsonl in one folder.

Each training script ends here. A model leaves this module only if a batching
server can serve it: axis 0 of every input and output is the symbolic `batch`,
no other axis uses that name, and a row's answer does not depend on its
neighbours.
"""

import argparse
import hashlib
import json
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime as ort

MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"
BATCH_AXIS = "batch"
ABS_TOLERANCE, REL_TOLERANCE = 1e-4, 1e-3

# numpy's name of an element type and the Open Inference Protocol's.
DATATYPES = {"float32": "FP32", "int64": "INT64"}


def arguments(description, seed):
    """The command line of a training script; `seed` is the one of the committed version.

    Its `script` is what the lineage says of it.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=seed, help="of all random numbers (default: %(default)s)")
    parser.add_argument("--version", type=version_number, default=1, help="to write (default: %(default)s)")
    parser.add_argument(
        "--models", type=pathlib.Path, default=MODELS, metavar="DIR", help="where (default: examples/models)"
    )
    args = parser.parse_args()
    args.script = f"examples/training/{parser.prog}" + ("" if args.seed == seed else f" --seed {args.seed}")
    return args


def version_number(text):
    """A version as a server reads it from a folder's name: a whole number from 1, without leading zeros."""
    if not text.isascii() or not text.isdigit() or text.startswith("0"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def write(models, name, version, model, requests, lineage, settings=""):
    """Checks `model` on `requests` (dicts of arrays) and writes it as `models`/`name`/`version`.

    `settings` is the YAML above the lineage: what the server cannot read from the file.
    The folder appears whole, so that a server that watches `models` never sees a part of it.
    """
    onnx.checker.check_model(model, full_check=True)
    check_axes(model.graph)
    session = open_session(model.SerializeToString())
    for request in requests:
        check_rows_independent(session, request)

    target = models / name / str(version)
    folder = target.with_name(f".{version}")
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    lines = [golden_line(session, request) for request in requests]
    (folder / "golden.jsonl").write_text("".join(line + "\n" for line in lines))
    origin = "".join(f"  {key}: {json.dumps(text)}\n" for key, text in lineage.items())
    (folder / "model.yaml").write_text(f"{settings}lineage:\n{origin}sha256:\n{digests(folder)}")
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)
    size = (target / "model.onnx").stat().st_size
    print(f"{name}: wrote {target}, model.onnx {size:,} bytes, {len(lines)} golden lines")


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
