#!/bin/sh
# Configures and builds a preset of CMakePresets.json: scripts/build.sh PRESET [TARGET...]
# Quiet when all is well, the compiler's words when it is not; one line of progress at a terminal. V=1 shows everything.
set -eu
cd "$(dirname "$0")/.."
preset=$1
shift

directory=build/$preset
log=$directory/build.log
mkdir -p "$directory"
quietly() {
  if [ -n "${V:-}" ]; then "$@"; return; fi
  "$@" >"$log" 2>&1 || { code=$?; grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" | tail -n 60 >&2; return "$code"; }
}

[ -f "$directory/build.ninja" ] || quietly cmake --preset "$preset"
if [ -t 1 ]; then
  NINJA_STATUS="  [%f of %t] " cmake --build "$directory" ${1:+--target "$@"}
else
  quietly cmake --build "$directory" ${1:+--target "$@"}
fi
