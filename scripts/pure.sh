#!/usr/bin/env bash
# Lists the packages that must build with CGO_ENABLED=0: those that reach no cgo package of this module,
# neither themselves nor through their tests.
set -euo pipefail
cgo='sluice/backends/onnx'
# shellcheck disable=SC2016 # the dollars are the template's
go list -f '{{$own := .ImportPath}}{{$reach := eq $own "'$cgo'"}}{{range .Deps}}{{if eq . "'$cgo'"}}{{$reach = true}}{{end}}{{end}}{{if not $reach}}{{$own}} {{join .TestImports " "}} {{join .XTestImports " "}}{{end}}' ./... |
  awk -v cgo="$cgo" 'NF { for (i = 2; i <= NF; i++) if (index($i, cgo) == 1) next; print $1 }'
