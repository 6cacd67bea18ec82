"""Has Feast write the rows of users.csv and stores.csv into online_store.db, its SQLite file, as `feast materialize` does.

Needs: pip install feast==0.67.0     The file beside this one is what a run has left.
"""

import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ.setdefault("FEAST_USAGE", "False")

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Array, Float32, Int64

FOLDER = Path(__file__).resolve().parent
ROWS = FOLDER.parent


def view(work, name, key, frame, types):
    """A view of the features in a frame, which Feast reads from a Parquet file."""
    frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"], unit="s", utc=True)
    path = str(Path(work) / f"{name}.parquet")
    frame.to_parquet(path)
    entity = Entity(name=name, join_keys=[key], value_type=ValueType.INT64)
    schema = [Field(name=key, dtype=Int64), *(Field(name=n, dtype=t) for n, t in types.items())]
    source = FileSource(name=name, path=path, timestamp_field="event_timestamp")
    ttl = timedelta(days=36_500)
    return [entity, FeatureView(name=name, entities=[entity], ttl=ttl, source=source, schema=schema)]


def main():
    online = FOLDER / "online_store.db"
    online.unlink(missing_ok=True)
    users = pd.read_csv(ROWS / "users.csv", dtype={"user_id": "int64"})
    for column in users.columns[2:]:
        users[column] = users[column].astype("float32")
    stores = pd.read_csv(ROWS / "stores.csv")
    stores["profile"] = [[float(v) for v in json.loads(text)] for text in stores["profile"]]
    with tempfile.TemporaryDirectory() as work:
        store = FeatureStore(
            config=RepoConfig(
                project="marketplace",
                registry=str(Path(work) / "registry.db"),
                provider="local",
                online_store={"type": "sqlite", "path": str(online)},
                offline_store={"type": "dask"},
                entity_key_serialization_version=3,
            )
        )
        store.apply(
            [
                *view(work, "user", "user_id", users, dict.fromkeys(users.columns[2:], Float32)),
                *view(work, "store", "store_id", stores, {"profile": Array(Float32)}),
            ]
        )
        now = datetime.now(UTC)
        store.materialize(start_date=now - timedelta(days=3650), end_date=now)


if __name__ == "__main__":
    main()
