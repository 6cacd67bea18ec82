#!/usr/bin/env bash
# Holds `sluice loadtest` against known truths and against perf_analyzer, at the same constant rates, in turns:
#
#   scripts/loadtest_compare.sh [ROUNDS, default 5]
#
# On stubs that answer after exactly 5 and 10 ms, on one that answers at once (what each tool itself adds), and on Sluice's `digits` at 1,000 a second and
# at a quarter of what perf_analyzer gets from it in a closed loop of 16, with one row a request and with many. Prints the medians over the rounds of each tool's median, in us.
# The packets of each run are captured meanwhile: what the server took by them is the truth that both tools are held to. perf_analyzer counts
# from the send, so our service clock is the one to compare. Needs root and tcpdump.
set -euo pipefail
exec </dev/null
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-5}
analyzer=.deps/perf_analyzer/perf_analyzer
[[ -x $analyzer ]] || { echo "loadtest-compare: perf_analyzer is not there; \`make clients\` installs it" >&2; exit 1; }
command -v tcpdump >/dev/null || { echo "loadtest-compare: tcpdump is not there; install it" >&2; exit 1; }
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

# captured PORT COMMAND...: runs a command that prints a line, and adds to the line the median by the packets of that port.
captured() {
  local port=$1 line
  shift
  tcpdump -i lo -s 80 -j host --time-stamp-precision=nano -B 65536 -w "$work/packets" "tcp port $port" 2>"$work/capture" &
  local capture=$!
  until grep -q listening "$work/capture"; do sleep 0.05; done
  line=$("$@")
  kill -INT "$capture"
  wait "$capture" || true
  echo "$line $(python3 scripts/wire_latency.py "$work/packets" "$port")"
}

# ours PORT MODEL RATE ROWS: response and service median in us, and whether the run is valid.
ours() {
  bin/sluice loadtest run "localhost:$1" --model "$2" --load "constant:$3" --dim "batch=$4" --duration "$(($3 < 100 ? 20 : 5))s" --warmup 1s --ui none --json "$work/ours.json" >/dev/null || true
  python3 - "$work/ours.json" <<'PY'
import json, sys
r = json.load(open(sys.argv[1]))
median = lambda clock: next(q["ms"] for q in r[clock]["quantiles"] if q["q"] == 0.5) * 1000
print(f'{median("response"):.1f} {median("service"):.1f} {"valid" if r["validity"]["valid"] else "invalid"}')
PY
}

# theirs PORT MODEL RATE ROWS MODE: perf_analyzer's median in us; 0 if it gave none.
theirs() {
  timeout 120 "$analyzer" -u "localhost:$1" -i http -m "$2" --request-rate-range "$3" -b "$4" --request-distribution constant "$5" -H 'Sluice-Budget-Ms: 10000' \
    --measurement-interval 5000 --max-trials 3 --stability-percentage 50 --input-data random >"$work/theirs" 2>&1 || true
  sed -n 's/^ *p50 latency: *\([0-9]*\) usec.*/\1/p' "$work/theirs" | tail -n 1 | grep . || echo 0
}

# most ROWS: what perf_analyzer gets of digits at most, in requests of so many rows a second.
most() {
  timeout 120 "$analyzer" -u "localhost:$gateway" -i http -m digits -b "$1" -H "Sluice-Budget-Ms: 10000" --concurrency-range 16 --async --measurement-interval 5000 --max-trials 3 --stability-percentage 50 >"$work/most" 2>&1 || true
  sed -n 's/^ *Throughput: *\([0-9]*\).*/\1/p' "$work/most" | tail -n 1 | awk -v rows="$1" '{print int($1 / rows)}'
}

# compare NAME PORT MODEL RATE MODE [ROWS]: MODE is that of perf_analyzer, --sync or --async, which adds less of its own there.
compare() {
  local name=$1 port=$2 model=$3 rate=$4 mode=$5 rows=${6:-1}
  for ((round = 1; round <= rounds; round++)); do
    echo "$name|$rate|$(captured "$port" ours "$port" "$model" "$rate" "$rows")|$(captured "$port" theirs "$port" "$model" "$rate" "$rows" "$mode")"
  done | tee -a "$work/rows" >&2
}

quarter=$(($(most 1) / 4))
large=1024 # rows, as many as a request may have; they take digits some 7 ms
compare "stub, 5 ms" "$five" stub 1000 --async
compare "stub, 10 ms" "$ten" stub 1000 --async
compare "stub, at once" "$null" stub 1000 --sync
compare "digits" "$gateway" digits 1000 --sync
compare "stub, at once" "$null" stub "$quarter" --sync
compare "digits, a quarter of capacity" "$gateway" digits "$quarter" --sync
compare "digits, $large rows a request, a quarter of capacity" "$gateway" digits $(($(most "$large") / 4)) --async "$large"
python3 - "$work/rows" <<'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    name, rate, ours, theirs = line.rstrip("\n").split("|")
    response, service, valid, wire = ours.split()
    other, other_wire = theirs.split()
    rows.setdefault((name, rate), []).append((float(response), float(service), float(wire), float(other), float(other_wire), valid == "valid"))
print("| Target | Rate | ours: response | service | by the packets | perf_analyzer | by the packets | service / perf_analyzer | valid runs |")
print("|---|---|---|---|---|---|---|---|---|")
for (name, rate), runs in rows.items():
    response, service, wire, other, other_wire = (statistics.median(r[i] for r in runs) for i in range(5))
    print(f"| {name} | {rate}/s | {response:.0f} | {service:.0f} | {wire:.0f} | {other:.0f} | {other_wire:.0f} | {service / other if other else 0:.3f} | {sum(r[5] for r in runs)} of {len(runs)} |")
PY
