#!/usr/bin/env bash
# Starts bin/sluice on free ports with the example models and those of test/clients/models, runs test/clients
# against it and stops it.
# Where the Python clients cannot be installed (no Python, no network) it says so in one line and succeeds;
# with SLUICE_REQUIRE_CLIENTS=1, as in CI, that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .deps

skip() {
  echo "clients: skipped: $*"
  [[ ${SLUICE_REQUIRE_CLIENTS:-0} != 1 ]] || exit 1
  exit 0
}

reason=$(test/clients/python_install.sh .deps/clients-venv 2>&1) || skip "$reason"

read -r port admin < <(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(2)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
PY
)
log=.deps/clients-server.log
models=$(mktemp -d .deps/clients-models.XXXXXX)
server=
clean() {
  if [[ $server ]]; then
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$models"
}
trap clean EXIT
cp -r examples/models/. test/clients/models/*/ "$models"
SLUICE_ONNXRUNTIME=$(scripts/onnxruntime.sh --path) \
  bin/sluice serve --models "$models" --state none --listen "127.0.0.1:$port" --admin "127.0.0.1:$admin" >"$log" 2>&1 &
server=$!

ready() { python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=1)' "http://127.0.0.1:$port/v2/health/ready" 2>/dev/null; }
for ((try = 0; ; try++)); do
  kill -0 "$server" 2>/dev/null || { echo "clients: the server ended before it was ready:" >&2; tail -n 20 "$log" >&2; exit 1; }
  ready && break
  ((try < 150)) || { echo "clients: the server was not ready within 30 s:" >&2; tail -n 20 "$log" >&2; exit 1; }
  sleep 0.2
done

if ! test/clients/run.sh "http://127.0.0.1:$port"; then
  echo "clients: failed; the server's last lines:" >&2
  tail -n 20 "$log" >&2
  exit 1
fi

# A server that ran every client must also stop in order.
kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
((code == 0)) || { echo "clients: the server ended with status $code after SIGTERM:" >&2; tail -n 20 "$log" >&2; exit 1; }
echo "clients: all passed"
