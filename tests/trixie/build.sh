#!/usr/bin/env bash
# Builds the repository on Debian 13 and runs its unit tests there:
#
#   tests/trixie/build.sh [CTEST-ARGUMENT...]    (default: -R ^unit_)
#
# The tree is SLUICE_TRIXIE, or ~/.cache/sluice/trixie; chroot.sh beside this makes it. Objects stay in it, in /var/tmp/sluice: the
# next run compiles what changed, and the repository's own build/ is not touched.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=${SLUICE_TRIXIE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/trixie}
[ $# -gt 0 ] || set -- -R ^unit_

# shellcheck disable=SC2016
exec "$here/chroot.sh" "$tree" -- sh -c '
  set -eu
  say() { echo "trixie: $*" >&2; }
  say "packages"
  /src/scripts/install.sh test
  build=/var/tmp/sluice
  say "configuring"
  cmake -S /src -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSLUICE_TESTS=ON -DSLUICE_WERROR=OFF \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache --log-level=WARNING >/dev/null
  say "building with $(g++ -dumpfullversion)"
  cmake --build "$build"
  say "testing"
  exec ctest --test-dir "$build" --output-on-failure --no-tests=error "$@"' sh "$@"
