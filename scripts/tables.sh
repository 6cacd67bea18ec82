#!/usr/bin/env bash
# Holds the prediction log's Parquet files against DuckDB and pandas, which it installs into .deps once.
# Where they cannot be installed (no Python, no network) it says so in one line and succeeds; with
# SLUICE_REQUIRE_CLIENTS=1, as in CI, that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .deps
venv=${SLUICE_TABLES_VENV:-$PWD/.deps/tables-venv}
if ! reason=$(test/clients/python_install.sh "$venv" test/tables 2>&1); then
  echo "tables: skipped: $reason"
  [[ ${SLUICE_REQUIRE_CLIENTS:-0} != 1 ]] || exit 1
  exit 0
fi
SLUICE_TABLES_PYTHON="$venv/bin/python" go test -count 1 -v ./test/tables
