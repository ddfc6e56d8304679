#!/usr/bin/env bash
# Compiles the programs and the unit tests for ARM64, as Fargate's cheaper tasks are, and runs them under QEMU:
#
#   tests/arm64/build.sh [ROOM...]    (folders of tests/unit; all by default)
#
# By Debian 13's cross compiler, in a tree of its own that tests/fresh/chroot.sh makes: SLUICE_ARM64, or ~/.cache/sluice/arm64. Objects
# stay in it, in /var/tmp/sluice. The tests are not run by ctest: QEMU is slower than the time that it gives them.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=${SLUICE_ARM64:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/arm64}
[ $# -gt 0 ] || { cd "$here/../unit" && set -- */ && cd - >/dev/null; }

# shellcheck disable=SC2016
exec "$here/../fresh/chroot.sh" "$tree" -- sh -c '
  set -eu
  say() { echo "arm64: $*" >&2; }
  say "packages"
  dpkg --add-architecture arm64
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install cmake ninja-build ccache pkg-config file \
    g++-aarch64-linux-gnu qemu-user-static \
    libboost-dev:arm64 libboost-url-dev:arm64 libsimdjson-dev:arm64 libpq-dev:arm64 libssl-dev:arm64 libfmt-dev:arm64 \
    libspdlog-dev:arm64 libcli11-dev libtomlplusplus-dev:arm64 prometheus-cpp-dev:arm64 libcatch2-dev:arm64 nlohmann-json3-dev >/dev/null
  build=/var/tmp/sluice
  say "configuring"
  PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig \
    cmake -S /src -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSLUICE_TESTS=ON -DSLUICE_WERROR=OFF \
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
    -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/qemu-aarch64-static \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache --log-level=WARNING >/dev/null
  say "building with $(aarch64-linux-gnu-g++ -dumpfullversion)"
  for room; do set -- "$@" "unit_${room%/}"; shift; done
  cmake --build "$build" --target sluice sluice-sqs "$@"
  file -b "$build/bin/sluice" | cut -d, -f 1-2 >&2
  qemu-aarch64-static "$build/bin/sluice" --version
  for unit; do
    say "$unit"
    timeout 900 qemu-aarch64-static "$build/tests/$unit"
  done' sh "$@"
