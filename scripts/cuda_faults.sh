#!/usr/bin/env bash
# Puts what the tests of CUDA's error paths need into .deps: ONNX Runtime's build for CUDA, CUDA's own
# libraries from PyPI, and a libcuda.so.1 that fails as it is told (test/fakecuda). About 1 GB, once.
#
#   scripts/cuda_faults.sh          make them ready
#   scripts/cuda_faults.sh --path   print the folder of CUDA's libraries
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/.deps/cuda-faults
if [[ ${1:-} == --path ]]; then echo "$dir"; exit 0; fi
# Another library that is named for everything else is not for this.
SLUICE_ONNXRUNTIME='' "$root/scripts/onnxruntime.sh" --cuda

mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
packages=(nvidia-cuda-runtime==13.5.37 nvidia-cublas==13.1.0.3 nvidia-curand==10.4.0.35)
stamp="${packages[*]}"
if [[ ! -f $dir/stamp || $(<"$dir/stamp") != "$stamp" ]]; then
  echo "cuda-faults: fetching CUDA's libraries, some minutes" >&2
  work=$(mktemp -d "$dir/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" "${packages[@]}"
  for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work"; done
  find "$work" -name 'lib*.so.*' -exec mv -f {} "$dir" \;
  echo "$stamp" >"$dir/stamp"
fi
cc -O1 -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$dir/libcuda.so.1" "$root/test/fakecuda/libcuda.c"
# What the provider opens only for some nodes need not be real: nothing runs.
for stub in libcudnn.so.9 libnvrtc.so.13 libcufft.so.12; do
  echo | cc -shared -fPIC -Wl,-soname,"$stub" -x c -o "$dir/$stub" -
done
echo "cuda-faults: ready in ${dir#"$root"/}"
