#!/usr/bin/env bash
# Makes what the example by id is served from, in bin/by-id: the model, which is ranker with other settings, and the rows of
# an embedded feature store. Rows that are there already are not written again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
from=examples/features
model=bin/by-id/ranker_by_id/1
mkdir -p "$model"
for file in "$from"/ranker_by_id/1/* examples/models/ranker/1/model.onnx; do
  cmp -s "$file" "$model/${file##*/}" || install -m 644 "$file" "$model"
done
for rows in users stores; do
  bin/sluice features load --config "$from/sluice.yaml" "$from/$rows.yaml" "$from/$rows.csv"
done
