#!/usr/bin/env bash
# Runs real clients against a running Sluice that serves the example models and those of test/clients/models.
#
#   test/clients/run.sh URL [MODELS]      URL: http://HOST:PORT or HOST:PORT; MODELS: default examples/models
#
# They are Python's (the Triton clients, KServe's SDK) in the pinned versions of requirements.txt, in a virtual environment of
# their own; NVIDIA's perf_analyzer; a TypeScript client generated from the server's OpenAPI document; and the JSON decoders of
# Go and Node. What is installed is kept in .deps and renewed when its pins change. One line per check.
# Exit status: 0 when all passed, 1 when one failed, 2 for wrong usage, 3 when this machine cannot have the Python clients
# (the reason is printed). Others that it cannot have are named in a line, and fail only with SLUICE_REQUIRE_CLIENTS=1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
[[ $# == 1 || $# == 2 ]] || { echo "usage: test/clients/run.sh URL [MODELS]" >&2; exit 2; }
address=${1#http://}
address=${address%/}
models=${2:-$root/examples/models}
venv=$root/.deps/clients-venv
tool=$root/.deps/perf_analyzer

"$here/python_install.sh" "$venv"

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

# optional NAME COMMAND... runs what this machine may lack, which it says with status 3.
optional() {
  local name=$1 status=0
  shift
  "$@" || status=$?
  if ((status == 3)) && [[ ${SLUICE_REQUIRE_CLIENTS:-0} != 1 ]]; then
    echo "$name: skipped"
  elif ((status != 0)); then
    code=1
  fi
}

analyze() {
  "$here/perf_analyzer_install.sh" "$tool" || return
  "$here/perf_analyzer.sh" "$address" "$tool/perf_analyzer" || return 1
}
optional perf_analyzer analyze
optional typescript "$here/typescript.sh" "http://$address" "$models" "$root/.deps/clients-typescript"
(cd "$root" && go run ./test/clients/strict "http://$address" "$models") || code=1
exit "$code"
