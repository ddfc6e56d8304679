#!/bin/sh
# Instructions for each message, against the committed figure: see bench/instructions.py. Needs valgrind and build/release.
set -eu
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "bench: valgrind is not installed: scripts/install.sh test" >&2; exit 2; }
exec python3 bench/instructions.py "$@"
