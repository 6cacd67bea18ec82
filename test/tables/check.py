"""Reads every file of a prediction log with DuckDB and with pandas, and compares with what was recorded.

    check.py FOLDER

FOLDER/expected.json has the rows by id, and FOLDER the files: predictions-*.parquet, each beside its
predictions-*.flat.parquet. Bytes are in base64.
"""

import base64
import json
import math
import pathlib
import sys

import duckdb
import numpy
import pandas
import pyarrow.parquet

SCALARS = [
    "id", "model", "version", "digest", "unit_hash", "exposure", "role", "device", "reason", "batch", "rows", "status", "late", "budget_ns",
    "decode_ns", "queue_ns", "input_ns", "run_ns", "output_ns", "encode_ns", "total_ns", "weight", "kept_for", "tensors", "replayable",
]
NUMBERS = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1", "INT16": "i2", "INT32": "i4", "INT64": "i8",
    "FP16": "f2", "FP32": "f4", "FP64": "f8",
}
faults = []


def check(where, got, want):
    if got != want:
        faults.append(f"{where}: {got!r}, want {want!r}")


def plain(value):
    """A scalar as JSON has it: none is None in every reader."""
    if value is None or value is pandas.NA or isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if isinstance(value, numpy.generic) else value


def tensors(value):
    return [{"name": t["name"], "datatype": t["datatype"], "shape": [int(d) for d in t["shape"]], "raw": bytes(t["raw"])} for t in value]


def features(value):
    return [
        {"input": f["input"], "feature": f["feature"], "statuses": [str(s) for s in f["statuses"]], "ages_ms": [whole(a) for a in f["ages_ms"]]}
        for f in value
    ]


def whole(age):
    """pandas has numbers with a fraction where one is missing."""
    age = plain(age)
    return None if age is None else int(age)


def expect_tensors(want):
    return [{**t, "raw": base64.b64decode(t["raw"])} for t in want]


def elements(t):
    """A tensor's elements as a list, read without the program that wrote them."""
    raw = base64.b64decode(t["raw"])
    if t["datatype"] == "BYTES":
        out = []
        while raw:
            n = int.from_bytes(raw[:4], "little")
            out.append(raw[4 : 4 + n])
            raw = raw[4 + n :]
        return out
    if t["datatype"] == "HMAC-SHA256":
        return [raw[i : i + 32] for i in range(0, len(raw), 32)]
    if t["datatype"] == "BF16":
        return (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4").tolist()
    return numpy.frombuffer(raw, numpy.dtype(NUMBERS[t["datatype"]]).newbyteorder("<")).tolist()


def same(a, b):
    return a == b or isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b)


def read_both(path):
    """The file's rows as DuckDB and as pandas have them, each a list of dictionaries."""
    relation = duckdb.connect().execute("select * from read_parquet(?)", [str(path)])
    names = [column[0] for column in relation.description]
    yield "DuckDB", [dict(zip(names, row)) for row in relation.fetchall()]
    yield "pandas", pandas.read_parquet(path, engine="pyarrow").to_dict("records")


def check_log(path, expected, seen):
    for reader, rows in read_both(path):
        for row in rows:
            where, want = f"{reader}, {path.name}, {row['id']}", expected[row["id"]]
            check(where + ", columns", sorted(row), sorted(SCALARS + ["time", "inputs", "outputs", "features"]))
            for name in SCALARS:
                check(f"{where}, {name}", plain(row[name]), want[name])
            check(where + ", time", pandas.Timestamp(row["time"]).tz_convert("UTC").value // 1000, want["time_us"])
            check(where + ", inputs", tensors(row["inputs"]), expect_tensors(want["inputs"]))
            check(where + ", outputs", tensors(row["outputs"]), expect_tensors(want["outputs"]))
            check(where + ", features", features(row["features"]), want["features"])
        seen[reader].extend(row["id"] for row in rows)
    metadata = pyarrow.parquet.read_metadata(path).metadata
    check(f"{path.name}, schema", metadata[b"sluice.schema"], b"1")
    return int(metadata[b"sluice.seen"])


def check_flat(path, expected):
    for reader, rows in read_both(path):
        for row in rows:
            want = expected[row["id"]]
            for side, prefix in (("inputs", "in."), ("outputs", "out.")):
                for t in want[side]:
                    column = next(c for c in (prefix + t["name"], f"{prefix}{t['name']}.{t['datatype']}") if c in row)
                    got, values = row[column], elements(t)
                    if len(got) != len(values) or not all(same(plain(g) if t["datatype"][:2] not in ("FP", "BF") else float(g), v) for g, v in zip(got, values)):
                        faults.append(f"{reader}, {path.name}, {row['id']}, {column}: {got!r}, want {values!r}")
                    check(f"{reader}, {path.name}, {column}.shape", [int(d) for d in row[column + ".shape"]], t["shape"])
            for f in want["features"]:
                column = f"in.{f['input']}.{f['feature']}"
                check(f"{reader}, {path.name}, {column}.status", [str(s) for s in row[column + ".status"]], f["statuses"])
                check(f"{reader}, {path.name}, {column}.age_ms", [whole(a) for a in row[column + ".age_ms"]], f["ages_ms"])
            there = sum(1 for c, v in row.items() if c.startswith(("in.", "out.")) and not c.endswith((".shape", ".status", ".age_ms")) and v is not None and not (isinstance(v, float) and math.isnan(v)))
            check(f"{reader}, {path.name}, {row['id']}, tensors", there, len(want["inputs"]) + len(want["outputs"]))


def main(folder):
    expected = {row["id"]: row for row in json.loads((folder / "expected.json").read_text())}
    files = sorted(p for p in folder.glob("predictions-*.parquet") if not p.name.endswith(".flat.parquet"))
    seen, total = {"DuckDB": [], "pandas": []}, 0
    for path in files:
        total += check_log(path, expected, seen)
        check_flat(path.with_suffix(".flat.parquet"), expected)
    for reader, ids in seen.items():
        check(reader + ", all ids", sorted(ids), sorted(expected))
    # All files as one table, as people ask them.
    weight = duckdb.connect().execute("select sum(weight), count(*) from read_parquet(?)", [[str(p) for p in files]]).fetchone()
    check("DuckDB, sum of weights", weight, (sum(row["weight"] for row in expected.values()), len(expected)))
    check("numbers", total, len(expected))
    if faults:
        sys.exit("\n".join(faults[:20]))
    print(f"tables: DuckDB {duckdb.__version__} and pandas {pandas.__version__} with pyarrow {pyarrow.__version__} read {len(expected)} rows of {len(files)} files")


main(pathlib.Path(sys.argv[1]))
