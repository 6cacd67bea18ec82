#!/usr/bin/env bash
# Checks a device of this machine with what lies beside this script, and needs nothing else but bash and coreutils:
#
#   bash run.sh DEVICE [OUT]      DEVICE: cuda:0, webgpu, cpu ...; OUT: folder for the results (default: results)
#
# The steps: versions, load gates (golden rows, parity), the raw session, the gateway under open-loop load, the
# driver's figures meanwhile, and the device's worker killed under load. Each is bounded in time and leaves its findings
# in OUT; one that fails does not keep the others from running. The last writes gpu-check.json and gpu-check.md. The
# exit status is 0 if nothing failed. GPU_CHECK_QUICK=1: short runs of small models, a look at the
# script rather than at the device. For WebGPU on a driver of one's own set VK_DRIVER_FILES, as for any program.
# GPU_CHECK_FOLDERS names folders of this machine, separated by colons, that hold libraries which were not packed:
# CUDA's and cuDNN's lie below site-packages/nvidia wherever PyTorch is.
set -uo pipefail
exec </dev/null
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
die() { echo "gpu-check: $*" >&2; exit 2; }
[[ $# -ge 1 && $# -le 2 ]] || die "usage: bash run.sh DEVICE [OUT]"
device=$1
out=${2:-$here/results}
quick=${GPU_CHECK_QUICK:-}
[[ $quick != 0 ]] || quick=
folders=${GPU_CHECK_FOLDERS:-}
IFS=: read -ra list <<<"$folders"
for folder in "${list[@]}"; do
  [[ $folder == /* && -d $folder ]] || die "GPU_CHECK_FOLDERS names $folder, which is not a folder's full path"
done
for tool in cat chmod cp ln mkdir rm sha256sum timeout; do
  command -v "$tool" >/dev/null || die "needs coreutils: $tool is not on this machine's PATH"
done
mkdir -p "$out" || die "cannot make $out"
out=$(cd "$out" && pwd)
# Of an earlier check, and nothing else that may lie there.
rm -f "$out"/{versions,gates,raw,load,nvml,drill,report,gpu-check}.json "$out"/gpu-check.md "$out"/gateway-*.log "$out"/{device,fallback}.yaml

cd "$here" || die "cannot enter $here"
while read -r name; do
  [[ -f $name ]] && continue
  cat "$name".piece-* >"$name.joined" && mv "$name.joined" "$name" || die "cannot join $name of its pieces: is there room in $here?"
done <pieces
sha256sum --check --quiet SHA256SUMS || die "the folder is not as it was packed: carry it here again"
while read -r name; do rm -f "$name".piece-*; done <pieces
chmod 0755 bin/sluice bin/bench || die "cannot make the programs in $here/bin executable"
if [[ -f lib/links ]]; then
  while read -r target name; do ln -sfn "$target" "lib/$name" || die "cannot link lib/$name"; done <lib/links
fi

export ORT_DISABLE_TELEMETRY=1
export SLUICE_ONNXRUNTIME=$here/lib/libonnxruntime.so
# The loader takes what the machine has before what was packed, where the machine has it.
found=
for path in /lib /usr/lib /lib64 /usr/lib64 /lib/*-linux-gnu /usr/lib/*-linux-gnu; do
  [[ ! -e $path/libstdc++.so.6 ]] || found=1
done
[[ $found || ! -d lib-cxx ]] || export LD_LIBRARY_PATH=$here/lib-cxx${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# A software driver takes seconds for each of the encoder's shapes: a quick look is at a smaller model.
models=$out/gpu-check-models
golden=encoder tiny=
if [[ $quick ]]; then golden=digits tiny=-tiny; fi
mkdir -p "$models"
cp -R "models/$golden" "$models/" || die "cannot copy the models to $models"
bin/bench resnet ${tiny:+"$tiny"} -dir "$models/resnet" || die "cannot write the convolutional model"

# The process that a signal finds this script waiting for is ended with it.
running=
stop() {
  [[ ! $running ]] || { kill -TERM "$running" 2>/dev/null; wait "$running"; }
  echo "gpu-check: stopped" >&2
  exit 2
}
trap stop INT TERM HUP

status=0
# step NAME SECONDS: the command ends its own children, also when timeout kills it.
step() {
  local began=$SECONDS code=0 run=(bin/bench gpu -step "$1" -device "$device" -server bin/sluice -library lib/libonnxruntime.so
    -library-folders "$here/lib${folders:+:$folders}" -models "$models" -out "$out" ${quick:+-quick})
  echo "== $1"
  timeout --kill-after=10 "$2" "${run[@]}" &
  running=$!
  wait "$running" || code=$?
  running=
  if ((code == 124 || code == 137)); then
    "${run[@]}" -failed "it was not done within $2 s and was stopped"
  elif ((code > 1)); then
    "${run[@]}" -failed "it ended with status $code"
  fi
  ((code == 0)) || status=1
  echo "   $1 took $((SECONDS - began)) s"
}
step versions 320
step gates 300
step raw 180
step load 420
step nvml 10
step drill 180
step report 10
rm -rf "$models"
echo "gpu-check: $out/gpu-check.md, $out/gpu-check.json"
exit "$status"
