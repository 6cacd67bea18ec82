#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other: scripts/fuzz.sh [TIME, default 30s].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-30s}
# `go test -list` prints a package's targets and then its result line.
listing=$(go test -list '^Fuzz' ./...)
targets=$(awk '/^Fuzz/ {names[++n] = $1} /^ok/ {for (i = 1; i <= n; i++) print names[i], $2; n = 0}' <<<"$listing")
[[ $targets ]] || { echo "fuzz: no target found" >&2; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
fuzz() { go test -run '^$' -fuzz "^$1\$" -fuzztime "$time" -fuzzminimizetime 1s "$2" </dev/null 2>&1 | tee "$log"; }
while read -r target package; do
  echo "fuzz: $package $target for $time"
  # Go's fuzzer sometimes takes the end of its own time for a failure ("context deadline exceeded"). A real one leaves
  # its input behind; without one the target runs once more.
  fuzz "$target" "$package" || { ! grep -q 'Failing input written' "$log" && fuzz "$target" "$package"; }
done <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, no crash"
