"""Writes the rows that ranker_by_id is fed with, users.csv and stores.csv, and its golden rows.

The values are drawn from a fixed seed. Each golden row is the first row of one of ranker's own, taken apart: what is of the
user, of the store and of the request. So its score is known, and no model runs here. Needs Python alone: python rows.py
"""

import csv
import json
import random
from pathlib import Path

SEED, USERS, STORES = 11, 100, 200
# How the sixteen columns of ranker's input are divided.
OF_USER = ["orders_30d", "days_since", "basket", "discounts", "lunches", "rating"]
PROFILE = 8
OF_REQUEST = ["hour", "distance"]
# 2026-11-29 06:00 UTC, and how much earlier a row may have become true.
NEWEST, SPREAD = 1_795_932_000, 6 * 3600
FOLDER = Path(__file__).resolve().parent
RANKER = FOLDER.parent / "models" / "ranker" / "1" / "golden.jsonl"


def write(name, columns, rows):
    with open(FOLDER / name, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows(rows)


def rows(draw):
    def value():
        return round(draw.gauss(0, 1), 3)

    def when():
        return NEWEST - draw.randrange(SPREAD)

    users = [[user, when(), *(value() for _ in OF_USER)] for user in range(1, USERS + 1)]
    for user in users[4::20]:  # who has never rated
        user[-1] = ""
    stores = [
        [store, when(), json.dumps([value() for _ in range(PROFILE)], separators=(",", ":"))]
        for store in range(1, STORES + 1)
    ]
    write("users.csv", ["user_id", "event_timestamp", *OF_USER], users)
    write("stores.csv", ["store_id", "event_timestamp", "profile"], stores)


def tensor(name, datatype, data):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}


def golden(lines):
    """One request by ids of the first rows of ranker's lists."""
    first = []
    for line in lines:
        of = {t["name"]: t["data"] for t in line["request"]["inputs"]}
        score = line["response"]["outputs"][0]["data"][0]
        first.append((of["user_id"][0], of["store_id"][0], of["dense"][:16], score))
    inputs = [
        tensor("user_id", "INT64", [user for user, _, _, _ in first]),
        tensor("store_id", "INT64", [store for _, store, _, _ in first]),
    ]
    for k, name in enumerate(OF_REQUEST):
        inputs.append(tensor(name, "FP32", [dense[14 + k] for _, _, dense, _ in first]))
    return {
        "request": {"inputs": inputs},
        "features": {
            "user": [{"user_id": u, **dict(zip(OF_USER, d[:6], strict=True))} for u, _, d, _ in first],
            "store": [{"store_id": s, "profile": d[6:14]} for _, s, d, _ in first],
        },
        "response": {"outputs": [tensor("score", "FP32", [score for _, _, _, score in first])]},
    }


def main():
    rows(random.Random(SEED))
    lines = [json.loads(line) for line in RANKER.read_text().splitlines()]
    # One request of each list's first row, and one of all of them.
    requests = [golden([line]) for line in lines] + [golden(lines)]
    text = "".join(json.dumps(r, separators=(",", ":")) + "\n" for r in requests)
    (FOLDER / "ranker_by_id" / "1" / "golden.jsonl").write_text(text)


if __name__ == "__main__":
    main()
