"""The zoo's shelf: writes a model, requests for it and the answers that ONNX Runtime alone gives.

A model becomes testdata/<group>/<name>/ with two files:

    model.onnx    as the converter wrote it
    cases.jsonl   a request and its answer a line, in the form of golden.jsonl; floats that JSON
                  has no number for are the strings "NaN", "Infinity" and "-Infinity"

and one entry of testdata/manifest.json. A label in the manifest is never believed: `add` runs the
model on each request whole and row by row, and stops with an error where the label is wrong.
"""
import atexit
import json
import os
import pathlib
import re
import shutil
import tempfile
import warnings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Text models name the locale en_US.UTF-8 or en_US, which a bare machine lacks: C.utf8 stands in for both.
locales = pathlib.Path(tempfile.mkdtemp(prefix="locales-"))
for locale in ("en_US.UTF-8", "en_US"):
    (locales / locale).symlink_to("/usr/lib/locale/C.utf8")
os.environ["LOCPATH"] = str(locales)
atexit.register(shutil.rmtree, locales)
import numpy as np
import onnx
import onnxruntime as ort

TESTDATA = pathlib.Path(__file__).resolve().parent.parent / "testdata"
SIZES = (1, 3, 17)
# A mixing model is asked more often: only whole requests have an answer that is known.
MIXED_SIZES = (1, 3, 17, 2, 5, 8, 4, 6)
ABSOLUTE, RELATIVE = 1e-4, 1e-3
TYPES = {
    np.dtype(np.float16): "FP16", np.dtype(np.float32): "FP32", np.dtype(np.float64): "FP64", np.dtype(bool): "BOOL",
    **{np.dtype(f"{sign}int{bits}"): f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}

entries = []
pinned = re.search(r"^VERSION=(\S+)", (TESTDATA.parents[2] / "scripts" / "onnxruntime.version").read_text(), re.M).group(1)
if ort.__version__ != pinned:
    raise SystemExit(f"onnxruntime is {ort.__version__}, the gateway's is {pinned}: install requirements.txt")


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(s, feed):
    return {o.name: matrix(y) for o, y in zip(s.get_outputs(), s.run(None, feed))}


def matrix(y):
    """ZipMap's sequence of maps from label to score, one a row, as the gateway gives it: a column for each label, in order."""
    if isinstance(y, list):
        return np.array([[row[label] for label in sorted(row)] for row in y], dtype=np.float32)
    return y


def add(group, name, model, rows, kind, origin, sizes=None, margin=None, **notes):
    """Writes one model.

    rows(n, rng) draws a request of n rows: a dict from input to array. kind is

    independent  each row's answer is its own; requests may be cut and joined anywhere
    one_row      the same, of a file that takes one row a run; answers come from single rows
    mixes        an answer belongs to the whole request
    whole        the same, of a model whose inputs have no axis of rows in common
    refused      an output is a sequence of tensors or an optional value; there are no cases

    tolerance, a note, is what floats may differ by where 1e-4 is too little.
    margin names the output of scores of a classifier: rows whose two best scores are near each
    other are drawn again, because their label may flip with the order of additions.
    """
    data = model if isinstance(model, bytes) else model.SerializeToString()
    folder = TESTDATA / group / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(data)
    entry = {"name": name, "group": group, "kind": kind, "origin": origin, **notes}
    s = session(data)
    if kind == "refused":
        entry["output"] = next(o.name for o in s.get_outputs() if not o.type.startswith("tensor"))
    else:
        rng = np.random.default_rng(len(name) * 1000 + sum(name.encode()))
        wanted = sizes or (MIXED_SIZES if kind == "mixes" else SIZES)
        feeds = [draw(s, rows, n, rng, margin) for n in wanted]
        answers = [answer(s, feed, kind) for feed in feeds]
        verify(name, s, feeds, answers, kind, entry)
        with open(folder / "cases.jsonl", "w") as out:
            for feed, got in zip(feeds, answers):
                line = {"request": {"inputs": tensors(feed)}, "response": {"outputs": tensors(got)}}
                out.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")
    entries.append(entry)
    print(f"{group}/{name}: {kind}, {len(data):,} bytes" + (f", {entry['differs']:.0%} of batched rows differ" if "differs" in entry else ""), flush=True)


def draw(s, rows, n, rng, margin):
    feed = rows(n, rng)
    if margin is None:
        return feed
    for _ in range(100):
        best = np.sort(run(s, feed)[margin].reshape(n, -1), axis=1)
        gap = best[:, -1] - best[:, -2] if best.shape[1] > 1 else np.abs(best[:, 0] - 0.5)
        near = np.flatnonzero(gap < 0.01)
        if len(near) == 0:
            return feed
        again = rows(len(near), rng)
        for key in feed:
            feed[key][near] = again[key]
    raise SystemExit("cannot draw rows whose best score is clear")


def row(feed, i):
    return {k: v[i : i + 1] for k, v in feed.items()}


def count(feed):
    return len(next(iter(feed.values())))


def join(parts):
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def answer(s, feed, kind):
    if kind == "one_row":
        return join([run(s, row(feed, i)) for i in range(count(feed))])
    return run(s, feed)


def agree(a, b, absolute=ABSOLUTE):
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool(np.all(a == b))
    return bool(np.allclose(a, b, rtol=RELATIVE, atol=absolute, equal_nan=True))


def verify(name, s, feeds, answers, kind, entry):
    for feed, want in zip(feeds, answers):
        again = answer(s, feed, kind)
        if not all(agree(want[o], again[o]) for o in want):
            raise SystemExit(f"{name}: the same request has two answers")
    if kind == "whole":
        return
    if kind == "mixes":
        entry["differs"] = share(s, feeds, answers)
        return
    for feed, whole in zip(feeds, answers):
        for i in range(count(feed)):
            alone = run(s, row(feed, i))
            for output, want in whole.items():
                if not agree(want[i : i + 1], alone[output], entry.get("tolerance", ABSOLUTE)):
                    raise SystemExit(f"{name}: row {i} of {count(feed)} answers otherwise alone: {output}\n{want[i]}\n{alone[output]}")


def share(s, feeds, answers):
    """The share of rows that answer otherwise when two requests share a run, of those that can."""
    batched = differ = 0
    for i, a in enumerate(feeds):
        for j, b in enumerate(feeds):
            if i == j or any(a[k].shape[1:] != b[k].shape[1:] for k in a):
                continue
            first, total = count(a), count(a) + count(b)
            batched += total
            try:
                both = run(s, join([a, b]))
            except Exception:
                differ += total
                continue
            if any(np.ndim(y) == 0 or len(y) != total or len(answers[i][o]) != first or len(answers[j][o]) != total - first for o, y in both.items()):
                differ += total
                continue
            alone = join([answers[i], answers[j]]) if all(answers[i][o].shape[1:] == answers[j][o].shape[1:] for o in both) else None
            differ += total if alone is None else sum(any(not agree(y[r : r + 1], alone[o][r : r + 1]) for o, y in both.items()) for r in range(total))
    if differ == 0:
        raise SystemExit("a model that is said to mix rows answers alike in every batch")
    return round(differ / batched, 3)


def tensors(arrays):
    return [
        {"name": k, "datatype": TYPES.get(v.dtype, "BYTES"), "shape": list(v.shape), "data": [plain(x) for x in v.reshape(-1)]}
        for k, v in ((k, np.asarray(v)) for k, v in arrays.items())
    ]


def plain(x):
    if isinstance(x, (str, bytes)):
        return x if isinstance(x, str) else x.decode()
    if isinstance(x, (np.bool_, bool)):
        return bool(x)
    if isinstance(x, np.integer):
        return int(x)
    if np.isnan(x):
        return "NaN"
    if np.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    value = float(str(x))
    return int(value) if value.is_integer() and abs(value) < 1e6 else value


def strings(values):
    return np.array(values, dtype=object)


def floats(n, rng, *shape):
    return np.round(rng.normal(size=(n, *shape)), 3).astype(np.float32)


def write_manifest():
    known = {(e["group"], e["name"]) for e in entries}
    for folder in TESTDATA.glob("*/*/"):
        if (folder.parent.name, folder.name) not in known:
            shutil.rmtree(folder)
    entries.sort(key=lambda e: (e["group"], e["name"]))
    body = ",\n".join(" " + json.dumps(e) for e in entries)
    (TESTDATA / "manifest.json").write_text(f'{{"onnxruntime": "{ort.__version__}", "models": [\n{body}\n]}}\n')
    size = sum(f.stat().st_size for f in TESTDATA.rglob("*") if f.is_file())
    print(f"{len(entries)} models, {size / 2**20:.1f} MiB")


warnings.filterwarnings("ignore")
