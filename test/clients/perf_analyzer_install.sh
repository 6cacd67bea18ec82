#!/usr/bin/env bash
# Puts NVIDIA's perf_analyzer into a folder as an executable that starts on this machine.
#
#   perf_analyzer_install.sh FOLDER      writes FOLDER/perf_analyzer
#
# The binary wants glibc 2.38 and OpenSSL 3. Where the machine's own are older, on Debian, the libraries of the
# next Debian release are unpacked beside it, from the mirror that this machine already uses and checked by apt
# with Debian's own keys. Nothing is installed outside FOLDER, and root is not needed.
# Exit status: 0 when perf_analyzer starts, 3 when this machine cannot have it (the reason is printed).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# == 1 ]] || { echo "usage: perf_analyzer_install.sh FOLDER" >&2; exit 2; }
folder=$1
release=trixie
packages=(libc6 libstdc++6 libgcc-s1 libssl3t64 libzstd1 zlib1g)
stamp="$(sha256sum "$here/perf_analyzer.requirements.txt" "${BASH_SOURCE[0]}" | sha256sum | cut -d' ' -f1)"

cannot() { echo "perf_analyzer: cannot be had: $*" >&2; exit 3; }
starts() { "$folder/perf_analyzer" --version >/dev/null 2>&1; }

[[ $(cat "$folder/stamp" 2>/dev/null) != "$stamp" ]] || ! starts || exit 0
[[ $(uname -s) == Linux ]] || cannot "there is none for $(uname -s)"
case $(uname -m) in
  x86_64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
  aarch64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
  *) cannot "there is none for $(uname -m)" ;;
esac
rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

fetch_binary() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --platform "manylinux_2_38_$(uname -m)" --dest "$folder/wheel" \
    --requirement "$here/perf_analyzer.requirements.txt" || cannot "pip did not fetch its wheel"
  python3 -m zipfile -e "$folder"/wheel/*.whl "$folder/wheel"
  mv "$folder/wheel/perf_analyzer/bin/perf_analyzer" "$folder/binary"
  rm -rf "$folder/wheel"
  chmod +x "$folder/binary"
}

# fetch_libraries unpacks the newer release's libraries with an apt of its own: own lists, own cache, own sources.
fetch_libraries() {
  local apt=$folder/apt keys=/usr/share/keyrings/debian-archive-keyring.gpg mirror
  grep -qs '^ID=debian' /etc/os-release || cannot "its binary needs glibc 2.38, this machine has $(getconf GNU_LIBC_VERSION)"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v -e security -e updates | sort -u | head -n 1)
  [[ -n $mirror && -r $keys ]] || cannot "apt has no Debian mirror or no keys here"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  echo "deb [signed-by=$keys] $mirror $release main" >"$apt/sources.list"
  cat >"$apt/conf" <<CONF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$apt";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
CONF
  (
    cd "$apt"
    export APT_CONFIG=$apt/conf
    apt-get -qq update && apt-get -qq -o APT::Sandbox::User="$(id -un)" download "${packages[@]}"
    for package in *.deb; do dpkg-deb --extract "$package" "$folder/libraries"; done
  ) >"$folder/log" 2>&1 || cannot "Debian's $release libraries did not come: $(tail -n 1 "$folder/log")"
  rm -rf "$apt"
}

fetch_binary
if "$folder/binary" --version >/dev/null 2>&1; then
  ln -s binary "$folder/perf_analyzer"
else
  fetch_libraries
  libraries=$folder/libraries/usr/lib/$triplet
  cat >"$folder/perf_analyzer" <<LAUNCH
#!/bin/sh
exec "$libraries/$loader" --library-path "$libraries" "$folder/binary" "\$@"
LAUNCH
  chmod +x "$folder/perf_analyzer"
fi
starts || cannot "it does not start: $("$folder/perf_analyzer" --version 2>&1 | tail -n 1)"
echo "$stamp" >"$folder/stamp"
