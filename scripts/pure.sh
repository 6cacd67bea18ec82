#!/usr/bin/env bash
# Lists the packages that must build with CGO_ENABLED=0: those that reach no cgo package of this module,
# neither themselves nor through their tests.
set -euo pipefail
cgo='^sluice/backends/(onnx|nvml)(/|$)'
# shellcheck disable=SC2016 # the dollars are the template's
go list -f '{{.ImportPath}} {{join .Deps " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
  awk -v cgo="$cgo" '{ for (i = 1; i <= NF; i++) if ($i ~ cgo) next; print $1 }'
