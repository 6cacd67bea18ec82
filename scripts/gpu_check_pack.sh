#!/usr/bin/env bash
# Makes one folder that checks a device on a machine without Go, Python or network: bash FOLDER/run.sh DEVICE.
#
#   scripts/gpu_check_pack.sh LIB OUT
#
# LIB holds libonnxruntime.so, its provider libraries, and, in it or in folders below it, whatever else the device
# needs (CUDA, cuDNN: the folders of PyPI's nvidia wheels do). Several such folders are separated by colons;
# libonnxruntime.so lies in the first. Only shared libraries and Vulkan's driver files are taken. Files of more
# than 60 MB are split, for links over which large ones are slow or not possible; run.sh joins and verifies them.
set -euo pipefail
exec </dev/null
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
die() { echo "gpu-check: $*" >&2; exit 1; }

[[ $# == 2 && $1 && $2 ]] || die "usage: scripts/gpu_check_pack.sh LIB OUT (with make: LIB=DIR OUT=DIR)"
out=$2
IFS=: read -ra sources <<<"$1"
[[ -f ${sources[0]}/libonnxruntime.so ]] || die "LIB names ${sources[0]}, which holds no libonnxruntime.so: scripts/onnxruntime.sh fetches one, with --cuda the one for CUDA"
for source in "${sources[@]}"; do [[ -d $source ]] || die "LIB names $source, which is no folder"; done
if [[ -e $out && ! -f $out/.gpu-check ]]; then
  [[ -d $out && ! $(ls -A "$out") ]] || die "OUT names $out, which exists and is not an earlier check's folder: name another, or remove it"
fi
for tool in go cc sha256sum split; do command -v "$tool" >/dev/null || die "needs $tool, which is not on this machine's PATH"; done

mkdir -p "$(dirname "$out")" && work=$(mktemp -d "$(dirname "$out")/gpu-check.XXXXXX") || die "cannot make a folder beside $out"
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
mkdir -p "$work"/{bin,lib,models}
touch "$work/.gpu-check"

version=$(git -C "$root" describe --tags --always --dirty 2>/dev/null || echo unknown)
(cd "$root" && CGO_ENABLED=1 go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$work/bin/" ./cmd/sluice ./bench)

# Links become lines of a list: not everything that carries a folder carries links.
for source in "${sources[@]}"; do
  source=$(cd "$source" && pwd -P)
  while IFS= read -r -d '' path; do
    name=${path#"$source"/}
    [[ ! -e $work/lib/$name ]] || continue
    mkdir -p "$work/lib/$(dirname "$name")"
    target=$(readlink -f "$path") || die "$path is a link to nothing"
    if [[ -L $path && $target == "$source"/* ]]; then
      printf '%s %s\n' "$(realpath --relative-to="$(dirname "$path")" "$target")" "$name" >>"$work/lib/links"
    else
      cp -L "$path" "$work/lib/$name"
      chmod 0755 "$work/lib/$name"
    fi
  done < <(find "$source" \( -name '*.so' -o -name '*.so.*' -o -name '*icd*.json' \) \( -type f -o -type l \) -print0 | sort -z)
done
# A machine for containers may lack the C++ runtime that ONNX Runtime is linked with.
for name in libstdc++.so.6 libgcc_s.so.1; do
  path=$(cc -print-file-name="$name")
  [[ $path == /* ]] || continue
  mkdir -p "$work/lib-cxx"
  cp -L "$path" "$work/lib-cxx/$name"
done

cp -R "$root/examples/models/encoder" "$root/examples/models/digits" "$work/models/"
cp "$root/scripts/gpu_check_run.sh" "$work/run.sh"

(cd "$work" && find bin lib lib-cxx models run.sh -type f 2>/dev/null | sort | xargs -d '\n' sha256sum >SHA256SUMS)
: >"$work/pieces"
while IFS= read -r -d '' path; do
  name=${path#"$work"/}
  split --bytes=60MB --numeric-suffixes --suffix-length=3 "$path" "$path.piece-"
  rm "$path"
  echo "$name" >>"$work/pieces"
done < <(find "$work" -type f -size +60000000c -print0)
rm -rf "$out"
mv "$work" "$out"
trap - EXIT
echo "gpu-check: $out, $(du -sh --apparent-size "$out" | cut -f1) in $(find "$out" -type f | wc -l) files; on the machine with the device: bash run.sh DEVICE"
