#!/bin/sh
# What a long run of tests needs later, one after the other: scripts/ahead.sh NAME...
#
#   packages       scripts/test-packages.sh
#   asan, tsan     that preset, built
#   clang-tidy     what clang-tidy has to say of src/
#
# Compilers take what the tests leave of the machine (SCHED_IDLE), as these mostly wait; all of it when they wait for this. Of each it
# leaves build/logs/ahead-NAME.log and, when it has ended, its exit code in ahead-NAME.code.
set -u
cd "$(dirname "$0")/.." || exit 1

work() {
  case "$1" in
    packages) scripts/test-packages.sh ;;
    asan) V=1 scripts/build.sh asan all ;;
    # Threads are in the programs, and in the log that all of them write.
    tsan) V=1 scripts/build.sh tsan sluice sluice-sqs unit_observe ;;
    # By clang's own compile commands, as g++ has options that clang does not know; a dozen sources at once, as most of the
    # time goes into the headers that they have in common. It says so of each unit that it includes sources.
    clang-tidy)
      { [ -f build/asan/build.ninja ] || cmake --preset asan; } &&
        run-clang-tidy-19 -quiet -j 2 -p build/asan -checks=-bugprone-suspicious-include "/build/asan/src/.*[.]cxx$"
      ;;
    *) echo "ahead: no $1" >&2; return 2 ;;
  esac
}

for each; do
  [ "$each" = packages ] || chrt --idle --pid 0 $$
  work "$each" >"build/logs/ahead-$each.log" 2>&1 </dev/null
  echo $? >"build/logs/ahead-$each.code.new" && mv "build/logs/ahead-$each.code.new" "build/logs/ahead-$each.code"
done
