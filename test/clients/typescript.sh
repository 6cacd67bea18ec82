#!/usr/bin/env bash
# Generates a TypeScript client from a running server's /openapi.json, compiles it with everything that is strict, and
# runs it under Node against the example models; then the same server against Node's JSON.parse.
#
#   typescript.sh URL MODELS FOLDER      keeps what npm installs in FOLDER
#
# Exit status: 0 when all checks passed, 1 when one failed, 3 when this machine cannot run them (the reason is printed).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# == 3 ]] || { echo "usage: typescript.sh URL MODELS FOLDER" >&2; exit 2; }
url=$1 models=$(cd "$2" && pwd) folder=$3
# Node 20 is the oldest that has what the clients use.
oldest=20

cannot() { echo "typescript: cannot be run: $*" >&2; exit 3; }

command -v node >/dev/null || cannot "node is not on this machine's PATH"
(($(node -p 'process.versions.node.split(".")[0]') >= oldest)) || cannot "node is $(node --version), v$oldest is needed"
stamp=$(cat "$here/ts/package.json" "$here/ts/package-lock.json" | sha256sum | cut -d' ' -f1)
if [[ $(cat "$folder/stamp" 2>/dev/null) != "$stamp" ]]; then
  command -v npm >/dev/null || cannot "npm is not on this machine's PATH"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$here/ts/package.json" "$here/ts/package-lock.json" "$folder/"
  # No package of these needs a script of its own to run at installation.
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$folder/log" 2>&1 ||
    cannot "npm did not install its packages (no network?): $(grep -m 1 '^npm' "$folder/log")"
  echo "$stamp" >"$folder/stamp"
fi
cd "$folder"
rm -rf src out
cp -r "$here/ts/src" "$here/ts/tsconfig.json" .

failed() {
  echo "FAIL  typescript: $1:"
  sed 's/^/      /' log
  exit 1
}
node_modules/.bin/openapi-typescript "$url/openapi.json" -o src/schema.ts >log 2>&1 || failed "no client can be generated"
node_modules/.bin/tsc >log 2>&1 || failed "the generated client does not compile"
echo "ok    typescript: a client is generated and compiles, strict"
code=0
node out/client.js "$url" "$models" || code=1
node out/strict.js "$url" "$models" || code=1
exit "$code"
