#!/usr/bin/env bash
# Runs real Open Inference Protocol clients against a running Sluice that serves the example models.
#
#   test/clients/run.sh URL [MODELS]      URL: http://HOST:PORT or HOST:PORT; MODELS: default examples/models
#
# The clients are the pinned versions of requirements.txt in a virtual environment of their own, and NVIDIA's perf_analyzer; both are kept in
# .deps and rebuilt when their pins change. One line per check, exit status 0 only when all passed.
# Where perf_analyzer cannot be had this is said, and counts as a failure only with SLUICE_REQUIRE_CLIENTS=1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[[ $# == 1 || $# == 2 ]] || { echo "usage: test/clients/run.sh URL [MODELS]" >&2; exit 2; }
address=${1#http://}
address=${address%/}
models=${2:-$root/examples/models}
venv=$root/.deps/clients-venv
tool=$root/.deps/perf_analyzer

# The stamp holds the hash of the pins and comes last, so that an interrupted installation is done again.
pins=$(sha256sum "$here/requirements.txt" | cut -d' ' -f1)
if [[ $(cat "$venv/stamp" 2>/dev/null) != "$pins" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  echo "$pins" >"$venv/stamp"
fi

# Without a server there is nothing to check, and one line says so.
python3 - "$address" <<'PY' || exit 1
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
try:
    socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
except (OSError, ValueError) as fault:
    sys.exit(f"clients: cannot connect to {sys.argv[1]}: {fault}")
PY

code=0
"$venv/bin/python" -B "$here/clients_test.py" "$address" "$models" || code=$?

missing=0
"$here/perf_analyzer_install.sh" "$tool" || missing=$?
if ((missing == 0)); then
  "$here/perf_analyzer.sh" "$address" "$tool/perf_analyzer" || code=$?
elif [[ $missing != 3 || ${SLUICE_REQUIRE_CLIENTS:-0} == 1 ]]; then
  code=1
else
  echo "perf_analyzer: skipped"
fi
exit "$code"
