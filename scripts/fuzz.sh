#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other: scripts/fuzz.sh [TIME, default 30s].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-30s}
# `go test -list` prints a package's targets and then its result line.
listing=$(go test -list '^Fuzz' ./...)
targets=$(awk '/^Fuzz/ {names[++n] = $1} /^ok/ {for (i = 1; i <= n; i++) print names[i], $2; n = 0}' <<<"$listing")
[[ $targets ]] || { echo "fuzz: no target found" >&2; exit 1; }
while read -r target package; do
  echo "fuzz: $package $target for $time"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1s "$package" </dev/null
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, no crash"
