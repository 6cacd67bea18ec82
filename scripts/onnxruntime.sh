#!/usr/bin/env bash
# Puts the pinned ONNX Runtime library at .deps/onnxruntime/libonnxruntime.so and prints one line.
# With SLUICE_ONNXRUNTIME set it only checks that the named file exists. Safe to run at the same time
# from several shells; does nothing when the library is there and unchanged since it was verified.
#
#   scripts/onnxruntime.sh          make the library ready, print what is used
#   scripts/onnxruntime.sh --path   print the path alone (for SLUICE_ONNXRUNTIME="$(...)")
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/.deps/onnxruntime
lib=$dir/libonnxruntime.so

say() { if [[ ${path_only:-} ]]; then echo "$1"; else echo "onnxruntime: $1${2:+ ($2)}"; fi; }
die() { echo "onnxruntime: $*" >&2; exit 1; }
[[ ${1:-} == --path ]] && path_only=1

if [[ ${SLUICE_ONNXRUNTIME:-} ]]; then
  [[ -f $SLUICE_ONNXRUNTIME ]] || die "SLUICE_ONNXRUNTIME names $SLUICE_ONNXRUNTIME, which is not a file"
  say "$SLUICE_ONNXRUNTIME" "named by SLUICE_ONNXRUNTIME"
  exit 0
fi

# shellcheck source=scripts/onnxruntime.version
source "$root/scripts/onnxruntime.version"

# The stamp ties the verified digest to the file's size and time, so that a later start need not hash 45 MB.
stamp_of() { echo "$VERSION $(stat -c '%s %Y' "$lib")"; }
ready() { [[ -f $lib && -f $dir/stamp && $(<"$dir/stamp") == "$(stamp_of)" ]]; }
if ready; then say "$lib" "$VERSION, verified before"; exit 0; fi

[[ $(uname -s) == Linux ]] || die "$(uname -s) is not supported by this script: set SLUICE_ONNXRUNTIME to a libonnxruntime of version $VERSION"
case $(uname -m) in
  x86_64) npm_arch=x64 wheel_arch=x86_64 npm_sum=$NPM_AMD64 wheel_sum=$WHEEL_AMD64 ;;
  aarch64 | arm64) npm_arch=arm64 wheel_arch=aarch64 npm_sum=$NPM_ARM64 wheel_sum=$WHEEL_ARM64 ;;
  *) die "no pinned library for $(uname -m): set SLUICE_ONNXRUNTIME to a libonnxruntime of version $VERSION" ;;
esac

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if ready; then say "$lib" "$VERSION, verified before"; exit 0; fi
work=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch_npm() {
  command -v npm >/dev/null || return 1
  local file=package/bin/napi-v6/linux/$npm_arch/libonnxruntime.so.1
  (cd "$work" && npm pack --silent "onnxruntime-node@$VERSION") >/dev/null 2>"$work/log" || return 1
  tar -xzf "$work"/onnxruntime-node-*.tgz -C "$work" "$file" && mv "$work/$file" "$work/lib"
}

fetch_wheel() {
  local python
  python=$(command -v python3) || return 1
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --python-version 3.11 --platform "manylinux_2_28_$wheel_arch" --dest "$work" "onnxruntime==$VERSION" \
    >/dev/null 2>"$work/log" || return 1
  "$python" -m zipfile -e "$work"/onnxruntime-*.whl "$work" && mv "$work"/onnxruntime/capi/libonnxruntime.so.* "$work/lib"
}

if fetch_npm; then want=$npm_sum from=npm
elif fetch_wheel; then want=$wheel_sum from=pip
else die "cannot fetch version $VERSION with npm nor with pip (is one installed, is the network there?): $(tail -n 1 "$work/log" 2>/dev/null)"
fi
got=$(sha256sum "$work/lib" | cut -d' ' -f1)
[[ $got == "$want" ]] || die "the library from $from for $(uname -m) has SHA-256 $got, scripts/onnxruntime.version wants $want: not installed"

chmod 0755 "$work/lib"
mv -f "$work/lib" "$lib"
# Other tools open the library by its soname.
ln -sf libonnxruntime.so "$dir/libonnxruntime.so.1"
stamp_of >"$dir/stamp"
say "$lib" "$VERSION, fetched with $from, SHA-256 verified"
