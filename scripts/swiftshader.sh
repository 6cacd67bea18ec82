#!/usr/bin/env bash
# Puts SwiftShader, a Vulkan driver that runs on the CPU, and a Vulkan loader into .deps/swiftshader, so that
# sessions on the WebGPU provider can be tested on a machine without a GPU. Both lie in Debian's package
# chromium-common, which apt downloads, verified with the archive's key, and dpkg unpacks; nothing is installed,
# and no rights of root are needed. Safe to run at the same time from several shells.
#
#   scripts/swiftshader.sh         make it ready, print one line; status 1 if it cannot be had
#   scripts/swiftshader.sh --env   the same, and print the shell commands that make programs use it
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$root/.deps/swiftshader
package=chromium-common
files=(libvk_swiftshader.so libvulkan.so.1 vk_swiftshader_icd.json)
print_env=
[[ ${1:-} != --env ]] || print_env=1

die() { echo "swiftshader: $*" >&2; exit 1; }
ready() { [[ -f $dir/stamp ]] && (cd "$dir" && sha256sum --check --status stamp 2>/dev/null); }
finish() {
  if [[ $print_env ]]; then
    # Both names: the second is the one that older loaders read. Dawn wants a folder for its sockets.
    printf 'export VK_DRIVER_FILES=%q VK_ICD_FILENAMES=%q XDG_RUNTIME_DIR=%q LD_LIBRARY_PATH=%q\n' \
      "$dir/vk_swiftshader_icd.json" "$dir/vk_swiftshader_icd.json" "${XDG_RUNTIME_DIR:-$dir/run}" \
      "$dir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  else
    echo "swiftshader: $dir ($1)"
  fi
  exit 0
}

if ready; then finish "unpacked before"; fi
[[ $(uname -s) == Linux ]] || die "only Linux has a package to take it from"
for tool in apt-get dpkg-deb sha256sum flock; do
  command -v "$tool" >/dev/null || die "needs $tool, which is not on this machine's PATH"
done
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if ready; then finish "unpacked before"; fi
work=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work" # apt downloads as a user of its own

# Without lists apt knows no package. Root may fetch them; anybody else gets lists of their own.
apt=(apt-get -qq)
if [[ $(id -u) == 0 ]]; then apt+=(-o APT::Sandbox::User=root); fi
download() { (cd "$work" && timeout 300 "${apt[@]}" download "$package") >"$work/log" 2>&1; }
if ! download; then
  mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
  apt+=(-o "Dir::State=$work/state" -o "Dir::Cache=$work/cache" -o Dir::State::status=/var/lib/dpkg/status)
  timeout 300 "${apt[@]}" update >"$work/log" 2>&1 && download ||
    die "apt cannot download $package: $(tail -n 1 "$work/log")"
fi
dpkg-deb -x "$work/$package"_*.deb "$work/unpacked" || die "cannot unpack $package"
for file in "${files[@]}"; do
  [[ -f $work/unpacked/usr/lib/chromium/$file ]] || die "$package holds no $file any more"
done
version=$(dpkg-deb -f "$work/$package"_*.deb Version)
mkdir -p -m 0700 "$dir/run"
for file in "${files[@]}"; do mv -f "$work/unpacked/usr/lib/chromium/$file" "$dir/$file"; done
(cd "$dir" && sha256sum "${files[@]}" >"$work/stamp")
mv -f "$work/stamp" "$dir/stamp"
finish "from $package $version"
