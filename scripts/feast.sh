#!/usr/bin/env bash
# Holds reads of stores to what Feast itself reads from them: it installs Feast into .deps once, which takes minutes.
# Where it cannot be installed (no Python, no network) it says so in one line and succeeds; with
# SLUICE_REQUIRE_CLIENTS=1 that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .deps
venv=${SLUICE_FEAST_VENV:-$PWD/.deps/feast-venv}
if ! reason=$(test/clients/python_install.sh "$venv" test/feast 2>&1); then
  echo "feast: skipped: $reason"
  [[ ${SLUICE_REQUIRE_CLIENTS:-0} != 1 ]] || exit 1
  exit 0
fi
SLUICE_FEAST_PYTHON="$venv/bin/python" go test -count 1 -v ./test/feast
