#!/usr/bin/env bash
# Drives the model `digits` (and `encoder`, which needs its shapes named) with NVIDIA's perf_analyzer in every way that changes what it sends.
#
#   perf_analyzer.sh HOST:PORT PERF_ANALYZER
#
# Each run sends a fixed number of requests over a few connections and is cut off after half a minute, so the load is small and ends by
# itself. One that is cut off is made once more: beside other work the tool's asynchronous mode has been seen to wait for ever.
# What is checked is that the tool and the server understand each other, not how fast the server is.
# Exit status: 0 when every run succeeded and counted its requests, 1 otherwise.
set -euo pipefail
[[ $# == 2 ]] || { echo "usage: perf_analyzer.sh HOST:PORT PERF_ANALYZER" >&2; exit 2; }
address=$1 perf_analyzer=$2
requests=400
load=(--concurrency-range 4)
# A busy machine may take longer than a model's own budget; a shed request would end the run.
patience='Sluice-Budget-Ms: 10000'
passed=0 failed=0
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# check NAME ARGUMENT... runs perf_analyzer once and prints one line.
check() {
  local name=$1 code=0 rate
  shift
  for try in first second; do
    code=0
    timeout 30 "$perf_analyzer" -u "$address" -i http -H "$patience" --request-count "$requests" "${load[@]}" "$@" >"$report" 2>&1 || code=$?
    ((code == 124)) || break
    echo "perf_analyzer: $name: the $try run did not end within 30 s"
  done
  # A run can end with status 0 and no measurement at all: only a throughput above zero is a success.
  rate=$(sed -n 's/^ *Throughput: *\([0-9.]*\) infer\/sec.*/\1/p' "$report" | tail -n 1)
  if ((code == 0)) && [[ -n $rate && ! $rate =~ ^0*\.?0*$ ]]; then
    passed=$((passed + 1))
    echo "ok    perf_analyzer: $name: $requests requests"
  else
    failed=$((failed + 1))
    echo "FAIL  perf_analyzer: $name: exit status $code, throughput ${rate:-none}"
    grep -v '^[[:space:]]*$' "$report" | tail -n 3 | sed 's/^/      /'
  fi
}

check "digits, sync" -m digits
check "digits, async" -m digits --async
check "digits, 8 rows a request" -m digits -b 8
check "digits, async, 8 rows a request" -m digits --async -b 8
check "digits, JSON inputs" -m digits --input-tensor-format json
check "digits, JSON inputs, async" -m digits --input-tensor-format json --async
check "digits, version 1" -m digits -x 1
check "encoder, 12 tokens" -m encoder --shape tokens:12 --shape mask:12 --input-data zero
load=(--request-rate-range 200)
check "digits, at 200 requests a second" -m digits
echo "perf_analyzer: $passed passed, $failed failed"
((failed == 0))
