"""Has Feast write features into an online store and read them back, in an order with duplicates.

    write.py sqlite FILE OUT
    write.py redis HOST:PORT OUT
    write.py postgres FOLDER OUT     (FOLDER is that of the server's socket)

OUT gets, as JSON, what get_online_features gave for each view: the keys that were asked for, and the values in their order.
"""

import datetime
import json
import os
import pathlib
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("FEAST_USAGE", "False")

import numpy
import pandas
import yaml
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

kind, where, out = sys.argv[1:]
work = pathlib.Path(tempfile.mkdtemp(prefix="feast-"))
online = {
    "sqlite": {"type": "sqlite", "path": where},
    "redis": {"type": "redis", "connection_string": where},
    "postgres": {
        "type": "postgres", "host": where, "port": 5432, "database": "postgres", "db_schema": "public", "user": "postgres",
        "password": "none", "sslmode": "disable",
    },
}[kind]
(work / "feature_store.yaml").write_text(yaml.safe_dump({
    "project": "proof", "registry": str(work / "registry.db"), "provider": "local", "online_store": online, "offline_store": {"type": "dask"},
    "entity_key_serialization_version": 3,
}))

begin = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)


def source(name, frame):
    frame = frame.assign(event_timestamp=begin, created=begin)
    frame.to_parquet(work / (name + ".parquet"))
    return FileSource(name=name, path=str(work / (name + ".parquet")), timestamp_field="event_timestamp", created_timestamp_column="created")


n = 200
draw = numpy.random.default_rng(7)
driver = pandas.DataFrame({
    "driver_id": numpy.arange(1000, 1000 + n, dtype=numpy.int64),
    "conv_rate": draw.normal(size=n).astype(numpy.float32),
    "acc_rate": draw.normal(size=n),
    "trips": draw.integers(-(2**31), 2**31, size=n).astype(numpy.int32),
    "lifetime": draw.integers(-(2**62), 2**62, size=n),
    "on_shift": draw.integers(0, 2, size=n).astype(bool),
    "last_seen": [begin + datetime.timedelta(seconds=int(s)) for s in draw.integers(0, 10**6, size=n)],
    "emb": [draw.normal(size=4).astype(numpy.float32) for _ in range(n)],
    "ids": [draw.integers(-(2**40), 2**40, size=2) for _ in range(n)],
})
driver.loc[::7, "conv_rate"] = numpy.nan
driver.loc[::5, "acc_rate"] = 0.0
pair = pandas.DataFrame({
    "customer_id": [f"c-{i % 13}" for i in range(n)], "driver_id": driver["driver_id"], "orders": draw.integers(0, 100, size=n),
})
zone = pandas.DataFrame({"zone_id": numpy.array([5, -1, 2**31 - 1], dtype=numpy.int32), "load": numpy.array([0.25, 0.5, 0.75], dtype=numpy.float32)})

drivers = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
customers = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
zones = Entity(name="zone", join_keys=["zone_id"], value_type=ValueType.INT32)
ever = datetime.timedelta(days=36500)
views = [
    FeatureView(name="driver_stats", entities=[drivers], ttl=ever, source=source("d", driver), schema=[
        Field(name="driver_id", dtype=Int64), Field(name="conv_rate", dtype=Float32), Field(name="acc_rate", dtype=Float64),
        Field(name="trips", dtype=Int32), Field(name="lifetime", dtype=Int64), Field(name="on_shift", dtype=Bool),
        Field(name="last_seen", dtype=UnixTimestamp), Field(name="emb", dtype=Array(Float32)), Field(name="ids", dtype=Array(Int64)),
    ]),
    FeatureView(name="pair_stats", entities=[drivers, customers], ttl=ever, source=source("p", pair), schema=[
        Field(name="customer_id", dtype=String), Field(name="driver_id", dtype=Int64), Field(name="orders", dtype=Int64),
    ]),
    FeatureView(name="zone_stats", entities=[zones], ttl=ever, source=source("z", zone), schema=[
        Field(name="zone_id", dtype=Int32), Field(name="load", dtype=Float32),
    ]),
]
store = FeatureStore(repo_path=str(work))
store.apply([drivers, customers, zones, *views])
store.materialize(start_date=begin - datetime.timedelta(days=1), end_date=begin + datetime.timedelta(days=1))

some = [int(i) for i in draw.integers(990, 1000 + n, size=300)]  # some of them unknown, many of them twice
asked = {
    "driver_stats": [{"driver_id": i} for i in some],
    "pair_stats": [{"driver_id": i, "customer_id": f"c-{(i - 1000) % 13}"} for i in some],
    "zone_stats": [{"zone_id": i} for i in (5, 2**31 - 1, 5, -1, 7, 5)],
}


def plain(v):
    if isinstance(v, datetime.datetime):
        return int(v.timestamp())
    if isinstance(v, (list, numpy.ndarray)):
        return [plain(x) for x in v]
    v = v.item() if isinstance(v, numpy.generic) else v
    return None if isinstance(v, float) and v != v else v


result = {}
for view in views:
    names = [f.name for f in view.features]
    got = store.get_online_features(features=[f"{view.name}:{f}" for f in names], entity_rows=asked[view.name]).to_dict()
    result[view.name] = {"keys": asked[view.name], "values": {f: [plain(v) for v in got[f]] for f in names}}
pathlib.Path(out).write_text(json.dumps(result))
