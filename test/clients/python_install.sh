#!/usr/bin/env bash
# Puts the Python clients, or the packages of another folder of pins, in the versions of its requirements.txt and
# constraints.txt, into a virtual environment.
#
#   python_install.sh FOLDER [PINS]
#
# Exit status: 0 when they are there, 3 when this machine cannot have them (the reason is printed).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ $# == 1 || $# == 2 ]] || { echo "usage: python_install.sh FOLDER [PINS]" >&2; exit 2; }
folder=$1
from=${2:-$here}
# The stamp holds the hash of the pins and comes last, so that an interrupted installation is done again.
pins=$(cat "$from/requirements.txt" "$from/constraints.txt" | sha256sum | cut -d' ' -f1)

cannot() { echo "the packages of $from: cannot be had: $*" >&2; exit 3; }

[[ $(cat "$folder/stamp" 2>/dev/null) != "$pins" ]] || exit 0
command -v python3 >/dev/null || cannot "python3 is not on this machine's PATH"
python3 -c 'import venv, ensurepip' 2>/dev/null || cannot "python3 cannot make virtual environments"
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check \
  --requirement "$from/requirements.txt" --constraint "$from/constraints.txt" >"$folder/log" 2>&1 ||
  cannot "pip did not install them (no network?): $(grep -m 1 '^ERROR' "$folder/log" || tail -n 1 "$folder/log")"
echo "$pins" >"$folder/stamp"
