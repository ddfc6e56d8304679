#!/bin/sh
# The tests: scripts/test.sh [GROUP...]
#
#   scripts/test.sh              everything functional, on the release build: `make test`
#   scripts/test.sh verify       all that CI runs beside that: `make verify`
#   scripts/test.sh GROUP...     some of it; an unknown name lists the groups
#   scripts/test.sh pytest ARGUMENT...   Python tests by name, with a database of their own
#
# PRESET=dev runs the functional groups on that preset's programs. Installs what is missing, shows how far each step is, and
# ends with the time of each and with what failed. All logs stay in build/logs. Nothing is skipped: a missing tool or server
# is a failure. V=1 shows everything as it happens.
# shellcheck disable=SC2317  # `step` calls functions by name
set -u
cd "$(dirname "$0")/.." || exit 1
export LANG=C.UTF-8 LC_ALL=C.UTF-8
root=$PWD
preset=${PRESET:-release}
functional="unit integration python crash demo"
verify="rules format shell python-lint model gcc asan fuzz tsan clang-tidy bench"
more="dev coverage mutation localstack compose fresh arm64 reproducible"  # each by its name

# As root, the database and some programs run as other users, who must be able to enter what is made for them.
if [ "$(id -u)" = 0 ] && ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "${TMPDIR:-/tmp}/."; then
  export TMPDIR=/tmp
fi

# shellcheck source=scripts/steps.sh
. scripts/steps.sh

# Each preset is built once in a run.
built=" "
build() {
  case "$built" in *" $1 "*) return 0 ;; esac
  case "$begun" in
    *" $1 "*) step "$1: build" ahead_of "$1" ;;
    *) step "$1: build" env V=1 scripts/build.sh "$1" all ;;
  esac && built="$built$1 "
}

sources() { git ls-files --cached --others --exclude-standard "$@" | sort -u; }

# with_programs PRESET COMMAND...: for one command, a PostgreSQL of its own, which it finds by PGHOST and the like, and in
# SLUICE_BIN copies of the programs that every user can start, wherever the repository lies. SLUICE_BUILD is where they were built.
with_programs() (
  place=$(mktemp -d "${TMPDIR:-/tmp}/sluice-test.XXXXXX") && chmod 755 "$place" || exit 1
  trap 'scripts/local-postgres.sh "$place/postgres" stop; rm -rf "$place"' EXIT
  trap 'exit 130' INT TERM HUP
  mkdir -p "$place/$1" && cp -R "build/$1/bin" "$place/$1/bin" || exit 1
  export SLUICE_BIN="$place/$1/bin" SLUICE_BUILD="$root/build/$1"
  shift
  exports=$(scripts/local-postgres.sh "$place/postgres" start) || exit 1
  eval "$exports"
  "$@"
)

unit() { ctest --test-dir "build/$1" -LE 'integration|simulation' -j 2 --output-on-failure --no-tests=error; }
simulation() { ctest --test-dir "build/$1" -L simulation -j 2 --output-on-failure --no-tests=error; }
integration() { ctest --test-dir "build/$1" -L integration -j 4 --output-on-failure --no-tests=error; }
# Of asan, without what differs in its SQL only, as behind a pooler, and without what is about speed.
sanitized_integration() { ctest --test-dir build/asan -L integration -E _by_ -j 2 --output-on-failure --no-tests=error; }
sanitized_end_to_end() {
  python_tests asan integration/e2e 4 -k 'not poolers and not search_path and not processes and not test_bench'
}
# Where threads meet: the log, the state of the database that loops share, a stop, a reload, the status page.
threads() {
  ctest --test-dir build/tsan -R '^unit_observe$' --output-on-failure --no-tests=error &&
    python_tests tsan integration/e2e 4 -k 'drain or stop or faults or reload or test_log or terminal'
}

packages() {
  case "$begun" in
    *" packages "*) step "Python, JavaScript packages" ahead_of packages ;;
    *) step "Python, JavaScript packages" scripts/test-packages.sh ;;
  esac
}
# CI makes pytest write each reason whole.
pytest() { CI=true build/venv/bin/python -m pytest -q -rfEs --tb=short "$@"; }
# python_tests PRESET PLACE AT_ONCE [OPTION...]: with the programs of that preset. Most of their time they wait.
python_tests() (
  programs=$1 place=$2 at_once=$3
  shift 3
  with_programs "$programs" pytest -n "$at_once" "tests/$place" "$@"
)

# crash PRESET: processes and PostgreSQL are killed, and every message is counted. Most of the time they start again: three at once.
crash() {
  program=build/$1/bin failures=0
  crashes --cycles 25 & mixed=$!
  (for load in dlq leave fifo upsert key; do crashes --cycles 10 --load $load || failures=1; done; exit $failures) & loads=$!
  crashes --cycles 10 --load rows --pool transaction || failures=1
  crashes --cycles 10 --load upsert --pool transaction || failures=1
  crashes --cycles 6 --load outages || failures=1
  crashes --cycles 10 --load rows --files 256 || failures=1
  wait $mixed || failures=1
  wait $loads || failures=1
  return $failures
}
crashes() { python3 tests/chaos/crash.py --programs "$program" "$@"; }

format() { sources '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run -Werror; }
# All of it, by pyproject.toml: the tests', the benchmark's, the documents'.
python_lint() {
  failures=0
  build/venv/bin/ruff format --check . || failures=1
  build/venv/bin/ruff check . || failures=1
  build/venv/bin/mypy || failures=1
  return $failures
}
shell() { sources '*.sh' .ci/run | xargs shellcheck -x -S warning; }
rules() {
  python3 -m unittest discover -q -s tests/tidy -t tests/tidy && python3 tests/tidy/tidy.py &&
    python3 docs/path.py | cmp - docs/path.svg && python3 docs/prices.py --check
}

# begin_ahead NAME...: scripts/ahead.sh, which ends with this script. It has a process group of its own, to be ended by, but
# no session: with autogroup, a session gets its share whatever its priority is.
begun=" "
begin_ahead() {
  [ $# -gt 0 ] || return 0
  begun=" $* "
  for part; do rm -f "$logs/ahead-$part.log" "$logs/ahead-$part.code"; done  # an earlier run's
  python3 -c 'import os, sys; os.setpgid(0, 0); os.execvp(sys.argv[1], sys.argv[1:])' scripts/ahead.sh "$@" &
  ahead=$!
  # shellcheck disable=SC2064  # its number is known now
  trap "kill -- -$ahead 2>/dev/null" EXIT
}
# ahead_of NAME: waits for that part, shows its output, gives its exit code.
ahead_of() {
  tail -n +1 -F "$logs/ahead-$1.log" 2>/dev/null & shown=$!
  until [ -s "$logs/ahead-$1.code" ] || ! kill -0 "$ahead" 2>/dev/null; do sleep 1; done
  sleep 1
  kill $shown
  return "$(cat "$logs/ahead-$1.code" || echo 1)"
}
clang_tidy() {
  ahead_of clang-tidy >/dev/null && return 0
  cat "$logs/ahead-clang-tidy.log"
  echo "== what it found, in short:"
  grep -h -E ': (warning|error): ' "$logs/ahead-clang-tidy.log" | sort -u
  return 1
}

# fuzz_one FUZZER: from its corpus in the tree; what it finds beside that stays in build/. An input that fails is printed,
# as who reads the log may not have the machine.
fuzz_one() (
  name=$(basename "$1")
  mkdir -p "build/asan/corpus/$name"
  rm -f "$logs/fuzz-$name-"*
  "$1" -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$logs/fuzz-$name-" "build/asan/corpus/$name" "tests/fuzz/corpus/$name" >"$logs/fuzz-$name.log" 2>&1
  code=$?
  grep 'stat::number_of_executed_units' "$logs/fuzz-$name.log" | sed "s/^stat::/$name: /"
  [ "$code" = 0 ] && return
  echo "== $name failed with $code: $logs/fuzz-$name.log"
  grep -v 'Uses: \|Recommended dictionary' "$logs/fuzz-$name.log" | tail -n 25
  for input in "$logs/fuzz-$name-"*; do
    [ ! -f "$input" ] || { echo "$input, the first 3,000 bytes in base64:"; head -c 3000 "$input" | base64; }
  done
  return "$code"
)

# Two at a time.
fuzz() {
  [ -x build/asan/fuzz/record_body ] || { echo "no fuzzers in build/asan/fuzz"; return 1; }
  failures=0
  # shellcheck disable=SC2046  # a list of words
  set -- $(find build/asan/fuzz -maxdepth 1 -type f -perm -u+x)
  while [ $# -gt 0 ]; do
    fuzz_one "$1" & one=$!
    two=
    [ $# -eq 1 ] || { fuzz_one "$2" & two=$!; shift; }
    shift
    wait $one || failures=1
    [ -z "$two" ] || wait "$two" || failures=1
  done
  return $failures
}

# Of src/, by all tests but those with sanitizers. The page of each file is in build/coverage/html.
coverage() {
  export LLVM_PROFILE_FILE="$root/build/coverage/profile/%p-%m.profraw"
  rm -rf build/coverage/profile
  mkdir -p build/coverage/profile && chmod 1777 build/coverage/profile || return 1  # a test runs sluice as another user
  unit coverage && simulation coverage && integration coverage && python_tests coverage integration 5 || return 1
  llvm-profdata-19 merge -sparse -o build/coverage/all.profdata build/coverage/profile/*.profraw || return 1
  objects=$(find build/coverage/bin build/coverage/tests -type f -perm -u+x | sed 's/^/-object=/')
  # shellcheck disable=SC2086  # a list of words
  llvm-cov-19 show $objects -instr-profile=build/coverage/all.profdata -format=html -output-dir=build/coverage/html -sources src &&
    llvm-cov-19 report $objects -instr-profile=build/coverage/all.profdata -sources src | tee build/coverage/report &&
    awk '$1 == "TOTAL" { lines = $10 + 0 } $1 ~ /core.verdict.cpp$/ { branches = $13 + 0 }
         END { if (lines < 90 || branches < 100) { print "lines " lines "%, wanted 90; branches of classify " branches "%, wanted 100"; exit 1 } }' \
      build/coverage/report
}

# install WHAT: sudo may ask for a password, and then needs the terminal.
install() {
  if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
    step "packages" scripts/install.sh "$1"
  else
    scripts/install.sh "$1"
  fi
}

group() {
  case "$1" in
    unit) build "$preset" && step "unit" unit "$preset" && step "simulation" simulation "$preset" ;;
    integration) build "$preset" && step "integration" integration "$preset" ;;
    python)
      build "$preset" && packages &&
        step "end to end" python_tests "$preset" integration 5
      ;;
    crash)
      build "$preset" && step "crash: 111 cycles" crash "$preset" && packages &&
        step "network faults" python_tests "$preset" chaos 3
      ;;
    demo) step "demo" scripts/demo.sh ;;
    rules) step "house rules" rules ;;
    format) step "format" format ;;
    python-lint) step "Python packages" scripts/test-packages.sh python && step "Python: format, lint, types" python_lint ;;
    mutation) packages && step "mutation" python3 tests/mutation/run.py ;;
    model) step "model" python3 tests/model/check.py ;;
    shell) step "shell scripts" shell ;;
    dev) build dev && step "dev: unit" unit dev ;;
    gcc) step "g++: warnings are errors" env V=1 SLUICE_WERROR=ON scripts/build.sh release all ;;
    asan)
      build asan && step "asan: unit" unit asan && step "asan: simulation" simulation asan &&
        step "asan: integration" sanitized_integration && packages &&
        step "asan: end to end" sanitized_end_to_end
      ;;
    tsan) build tsan && packages && step "tsan: threads" threads ;;
    clang-tidy) step "clang-tidy" clang_tidy ;;
    coverage)
      build coverage && packages && step "coverage" coverage &&
        tail -n 1 "$logs/coverage.log"
      ;;
    fuzz) build asan && step "fuzz" fuzz ;;
    bench) step "release: programs" scripts/build.sh release && step "bench: smoke" bench/run.sh --smoke ;;
    reproducible) step "reproducible" tests/release/reproducible.sh ;;
    fresh) step "fresh Debian 12 and 13" tests/fresh/run.sh ;;
    arm64) step "arm64" tests/arm64/build.sh ;;
    compose) step "compose" tests/compose/docker.sh tests/compose/run.sh ;;
    localstack) step "release: programs" scripts/build.sh release && step "localstack" tests/localstack/run.sh tests/localstack/test.sh ;;
    *) echo "test: no group $1; there are: $functional verify ($verify) $more" >&2; exit 2 ;;
  esac
}

export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1 ${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="atexit_sleep_ms=0:halt_on_error=1:second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19 TSAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19

if [ "${1:-}" = pytest ]; then
  shift
  # Of a build that somebody else looks after, as tests/mutation does, only the programs are there.
  [ -n "${SLUICE_BUILT:-}" ] || { install test && build "$preset" && packages; } || exit 1
  with_programs "$preset" pytest "$@"
  exit
fi

[ $# -gt 0 ] || {
  # shellcheck disable=SC2086  # a list of words
  set -- $functional
  echo "not in this run: scripts/test.sh verify, or by name $more"
}
# shellcheck disable=SC2086  # a list of words
[ "$*" != verify ] || set -- $verify
for each; do
  case " $functional " in *" $each "*) ;; *) needs=verify ;; esac
done
install "${needs:-test}" || exit 1
# In the order in which they are needed.
case " $* " in *" python "* | *" crash "* | *" asan "* | *" tsan "* | *" coverage "* | *" mutation "*) zeroth=packages ;; esac
case " $* " in *" asan "* | *" fuzz "*) first=asan ;; esac
case " $* " in *" tsan "*) second=tsan ;; esac
case " $* " in *" clang-tidy "*) third=clang-tidy ;; esac
# shellcheck disable=SC2086  # words, or nothing
begin_ahead ${zeroth:-} ${first:-} ${second:-} ${third:-}
for each; do group "$each"; done
summarise
