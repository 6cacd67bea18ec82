#!/usr/bin/env bash
# Holds `sluice loadtest` against a known truth and against perf_analyzer, at the same constant rates, in turns:
#
#   scripts/loadtest_compare.sh [ROUNDS, default 5]
#
# First on stubs that answer after exactly 5 and 10 ms, then on a stub that answers at once (what each tool itself adds), then on Sluice's
# `digits` at 1,000 a second and at a quarter of what perf_analyzer gets from it in a closed loop of 16. Prints the median over the rounds of each tool's median, in us.
# perf_analyzer counts from the send, so both of our clocks stand beside it.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-5}
analyzer=.deps/perf_analyzer/perf_analyzer
[[ -x $analyzer ]] || { echo "loadtest-compare: perf_analyzer is not there; \`make clients\` installs it" >&2; exit 1; }
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
read -r five ten null gateway admin < <(python3 - <<'PY'
import socket
held = [socket.socket() for _ in range(5)]
for s in held:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))
PY
)
bin/sluice loadtest stub --listen "127.0.0.1:$five" --behave delay=5ms >/dev/null & pids+=($!)
bin/sluice loadtest stub --listen "127.0.0.1:$ten" --behave delay=10ms >/dev/null & pids+=($!)
bin/sluice loadtest stub --listen "127.0.0.1:$null" >/dev/null & pids+=($!)
SLUICE_ONNXRUNTIME=$(scripts/onnxruntime.sh --path) bin/sluice serve --models examples/models --listen "127.0.0.1:$gateway" --admin "127.0.0.1:$admin" >"$work/log" 2>&1 & pids+=($!)
for ((try = 0; try < 100; try++)); do
  curl -sf "localhost:$gateway/v2/health/ready" >/dev/null && break
  sleep 0.2
done

# ours PORT MODEL RATE: response and service median in us, and whether the run is valid.
ours() {
  bin/sluice loadtest run "localhost:$1" --model "$2" --load "constant:$3" --duration 5s --warmup 1s --ui none --json "$work/ours.json" >/dev/null || true
  python3 - "$work/ours.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
median = lambda clock: next(q["ms"] for q in r[clock]["quantiles"] if q["q"] == 0.5) * 1000
print(f'{median("response"):.0f} {median("service"):.0f} {"valid" if r["validity"]["valid"] else "invalid"}')
PY
}

# theirs PORT MODEL RATE: perf_analyzer's median in us; 0 if it gave none.
theirs() {
  timeout 120 "$analyzer" -u "localhost:$1" -i http -m "$2" --request-rate-range "$3" --request-distribution constant --async -H 'Sluice-Budget-Ms: 10000' \
    --measurement-interval 5000 --max-trials 3 --stability-percentage 50 --input-data random >"$work/theirs" 2>&1 || true
  sed -n 's/^ *p50 latency: *\([0-9]*\) usec.*/\1/p' "$work/theirs" | tail -n 1 | grep . || echo 0
}

compare() {
  local name=$1 port=$2 model=$3 rate=$4
  for ((round = 1; round <= rounds; round++)); do
    read -r response service valid < <(ours "$port" "$model" "$rate")
    echo "$name|$rate|$response|$service|$valid|$(theirs "$port" "$model" "$rate")"
  done | tee -a "$work/rows" >&2
}

timeout 120 "$analyzer" -u "localhost:$gateway" -i http -m digits -H "Sluice-Budget-Ms: 10000" --concurrency-range 16 --async --measurement-interval 5000 --max-trials 3 >"$work/most" 2>&1 || true
quarter=$(sed -n 's/^ *Throughput: *\([0-9]*\).*/\1/p' "$work/most" | tail -n 1 | awk '{print int($1 / 4)}')
compare "stub, 5 ms" "$five" stub 1000
compare "stub, 10 ms" "$ten" stub 1000
compare "stub, at once" "$null" stub 1000
compare "digits" "$gateway" digits 1000
compare "stub, at once" "$null" stub "$quarter"
compare "digits, a quarter of capacity" "$gateway" digits "$quarter"
python3 - "$work/rows" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, rate, response, service, valid, other = line.rstrip("\n").split("|")
    rows.setdefault((name, rate), []).append((float(response), float(service), valid == "valid", float(other)))
print("| Target | Rate | ours, response | ours, service | perf_analyzer | service / perf_analyzer | valid runs |")
print("|---|---|---|---|---|---|---|")
for (name, rate), runs in rows.items():
    response, service, other = (statistics.median(r[i] for r in runs) for i in (0, 1, 3))
    print(f"| {name} | {rate}/s | {response:.0f} | {service:.0f} | {other:.0f} | {service / other if other else 0:.3f} | {sum(r[2] for r in runs)} of {len(runs)} |")
PY
