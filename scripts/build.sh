#!/bin/sh
# Configures and builds a preset of CMakePresets.json: scripts/build.sh PRESET [TARGET...]
# Of the release preset it builds the programs, if no target is named; its tests are configured when one is ("all").
# Quiet when all is well, the compiler's words when it is not. V=1 shows everything. SLUICE_WERROR=ON makes errors of warnings.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/progress.sh
. scripts/progress.sh
preset=$1
shift
tests=
case "$preset $#" in
  "release 0") set -- sluice sluice-sqs ;;
  release*) tests=-DSLUICE_TESTS=ON ;;
esac

directory=build/$preset
log=$directory/build.log
mkdir -p "$directory"
quietly() {
  if [ -n "${V:-}" ]; then "$@"; return; fi
  with_progress "$preset: build" "$log" "$@" || {
    code=$?
    grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\)' "$log" | tail -n 60 >&2
    return "$code"
  }
}

configured_with() { grep -qx "$1" "$directory/CMakeCache.txt" 2>/dev/null; }
warnings=${SLUICE_WERROR:+-DSLUICE_WERROR=ON}
if [ ! -f "$directory/build.ninja" ] || { [ -n "$tests" ] && ! configured_with "SLUICE_TESTS:BOOL=ON"; } ||
  { [ -n "$warnings" ] && ! configured_with "SLUICE_WERROR:BOOL=ON"; }; then
  quietly cmake --preset "$preset" $tests $warnings
fi
quietly cmake --build "$directory" ${1:+--target "$@"}
