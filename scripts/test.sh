#!/bin/sh
# Everything that CI runs: scripts/test.sh, or only some groups of it: scripts/test.sh GROUP...
# Installs what is missing, and ends with the time of each step. A step that fails shows the end of its log; all logs stay in
# build/logs. Nothing is skipped: a missing tool or server is a failure. V=1 shows everything as it happens.
# shellcheck disable=SC2317  # `step` calls functions by name
set -u
cd "$(dirname "$0")/.." || exit 1
export LANG=C.UTF-8 LC_ALL=C.UTF-8
root=$PWD
all="rules format shell dev integration python crash release demo asan fuzz tsan clang-tidy bench"
more="coverage localstack compose trixie arm64 reproducible"  # each by its name

logs=$root/build/logs
summary=$logs/summary
mkdir -p "$logs"
: >"$summary"
failed=0
started=$(date +%s)

# step NAME COMMAND...: runs it, and remembers its time and result.
step() {
  name=$1
  shift
  log="$logs/$(echo "$name" | tr -cs '[:alnum:]\n' -).log"
  at=$(date +%s)
  if [ -n "${V:-}" ]; then
    echo "== $name"
    ("$@")
  else
    printf '%-28s' "$name"
    ("$@") >"$log" 2>&1 </dev/null
  fi
  code=$?
  took=$(($(date +%s) - at))
  if [ "$code" = 0 ]; then verdict=ok; else verdict=FAILED failed=1; fi
  printf '%-28s%6s s  %s\n' "$name" "$took" "$verdict" >>"$summary"
  if [ -n "${V:-}" ]; then echo "== $name: $verdict, $took s"; else printf '%6s s  %s\n' "$took" "$verdict"; fi
  if [ "$code" != 0 ] && [ -z "${V:-}" ]; then
    echo "---- the end of $log"
    tail -n 60 "$log"
    echo "----"
  fi
  return "$code"
}

# Each preset is built once in a run.
built=" "
build() {
  case "$built" in *" $1 "*) return 0 ;; esac
  step "$1: build" scripts/build.sh "$1" && built="$built$1 "
}

sources() { git ls-files --cached --others --exclude-standard "$@" | sort -u; }

# A PostgreSQL of its own for one command, which finds it by PGHOST and the like.
with_postgres() (
  database=$(mktemp -d "${TMPDIR:-/tmp}/sluice-test.XXXXXX") || exit 1
  trap 'scripts/local-postgres.sh "$database" stop; rm -rf "$database"' EXIT
  trap 'exit 130' INT TERM HUP
  exports=$(scripts/local-postgres.sh "$database" start) || exit 1
  eval "$exports"
  "$@"
)

unit() { ctest --test-dir "build/$1" -LE integration -j 2 --output-on-failure --no-tests=error; }
integration() { ctest --test-dir "build/$1" -L integration --output-on-failure --no-tests=error; }

# Python packages for the tests, once for each state of their list.
python_packages() {
  wanted=$(cksum tests/requirements.txt)
  [ "$wanted" != "$(cat build/venv/installed 2>/dev/null)" ] || return 0
  rm -rf build/venv
  python3 -m venv build/venv &&
    build/venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt &&
    echo "$wanted" >build/venv/installed
}
# python_tests PRESET PLACE AT_ONCE: with the programs of that preset. Most of their time they wait.
python_tests() { SLUICE_BIN=$root/build/$1/bin with_postgres build/venv/bin/python -m pytest -q -n "$3" "tests/$2"; }

# crash PRESET: processes and PostgreSQL are killed, and every message is counted. Most of the time they start again.
crash() {
  failures=0
  python3 tests/chaos/crash.py --programs "build/$1/bin" --cycles 25 & mixed=$!
  for load in dlq leave fifo upsert key; do
    python3 tests/chaos/crash.py --programs "build/$1/bin" --cycles 10 --load $load || failures=1
  done
  wait $mixed || failures=1
  return $failures
}

format() { sources '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run -Werror; }
shell() { sources '*.sh' .ci/run | xargs shellcheck -x -S warning; }
rules() {
  python3 -m unittest discover -q -s tests/tidy -t tests/tidy && python3 tests/tidy/tidy.py &&
    python3 docs/path.py | cmp - docs/path.svg && python3 docs/prices.py --check
}

# clang-tidy takes longest, and the tests mostly wait: it begins before them, and takes what they leave.
# By clang's own compile commands: those of g++ have options that clang does not know.
begin_clang_tidy() {
  tidy_found=$logs/clang-tidy.out
  tidy_code=$logs/clang-tidy.code
  rm -f "$tidy_code"
  # shellcheck disable=SC2016  # $1 is the inner shell's
  setsid sh -c '{ [ -f build/asan/compile_commands.json ] || cmake --preset asan; } &&
      nice -n 19 run-clang-tidy-19 -quiet -j 2 -p build/asan "$1/src/.*"
    echo $? >"$2"' tidy "$root" "$tidy_code" >"$tidy_found" 2>&1 </dev/null &
  # shellcheck disable=SC2064  # its number is known now
  trap "kill -- -$! 2>/dev/null" EXIT
}
clang_tidy() {
  until [ -s "$tidy_code" ]; do sleep 1; done
  [ "$(cat "$tidy_code")" != 0 ] || return 0
  cat "$tidy_found"
  echo "== what it found, in short:"
  grep -h -E ': (warning|error): ' "$tidy_found" | sort -u
  return 1
}

# fuzz_one FUZZER: from its corpus in the tree; what it finds beside that stays in build/. An input that fails is printed,
# as who reads the log may not have the machine.
fuzz_one() (
  name=$(basename "$1")
  mkdir -p "build/asan/corpus/$name"
  rm -f "$logs/fuzz-$name-"*
  "$1" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 \
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
  directory=$root/build/coverage
  export LLVM_PROFILE_FILE="$directory/profile/%p-%m.profraw"
  rm -rf "$directory/profile"
  mkdir -p "$directory/profile" && chmod 1777 "$directory/profile" || return 1  # a test runs sluice as another user
  unit coverage && integration coverage && python_tests coverage integration 5 || return 1
  llvm-profdata-19 merge -sparse -o "$directory/all.profdata" "$directory"/profile/*.profraw || return 1
  objects=$(find "$directory/bin" "$directory/tests" -type f -perm -u+x | sed 's/^/-object=/')
  # shellcheck disable=SC2086  # a list of words
  llvm-cov-19 show $objects -instr-profile="$directory/all.profdata" -format=html -output-dir="$directory/html" -sources "$root/src" &&
    llvm-cov-19 report $objects -instr-profile="$directory/all.profdata" -sources "$root/src" | tee "$directory/report" &&
    awk '$1 == "TOTAL" { lines = $10 + 0 } $1 ~ /core.verdict.cpp$/ { branches = $13 + 0 }
         END { if (lines < 90 || branches < 100) { print "lines " lines "%, wanted 90; branches of classify " branches "%, wanted 100"; exit 1 } }' \
      "$directory/report"
}

group() {
  case "$1" in
    rules) step "house rules" rules ;;
    format) step "format" format ;;
    shell) step "shell scripts" shell ;;
    dev) build dev && step "dev: unit" unit dev ;;
    integration) build dev && step "dev: integration" integration dev ;;
    python) build dev && step "python packages" python_packages && step "dev: python" python_tests dev integration 5 ;;
    crash)
      build dev && step "crash: 75 cycles" crash dev && step "python packages" python_packages &&
        step "network faults" python_tests dev chaos 3
      ;;
    asan | tsan)
      build "$1" && step "$1: unit" unit "$1" && step "$1: integration" integration "$1" &&
        step "python packages" python_packages && step "$1: end to end" python_tests "$1" integration/e2e 4
      ;;
    clang-tidy) step "clang-tidy" clang_tidy ;;
    coverage)
      build coverage && step "python packages" python_packages && step "coverage" coverage &&
        tail -n 1 "$logs/coverage.log"
      ;;
    fuzz) build asan && step "fuzz" fuzz ;;
    release) build release ;;
    demo) step "demo" scripts/demo.sh ;;
    bench) build release && step "bench: smoke" bench/run.sh --smoke ;;
    reproducible) step "reproducible" tests/release/reproducible.sh ;;
    trixie) step "Debian 13" tests/trixie/build.sh ;;
    arm64) step "arm64" tests/arm64/build.sh ;;
    compose) step "compose" tests/compose/docker.sh tests/compose/run.sh ;;
    localstack) build release && step "localstack" tests/localstack/run.sh tests/localstack/test.sh ;;
    *) echo "test: no group $1; there are: $all $more" >&2; exit 2 ;;
  esac
}

export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1 ${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19 TSAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19

step "packages" scripts/install.sh test || exit 1
# shellcheck disable=SC2086  # a list of words
[ $# -gt 0 ] || { set -- $all; echo "not in this run: $more (scripts/test.sh NAME)"; }
case " $* " in *" clang-tidy "*) begin_clang_tidy ;; esac
for each; do group "$each"; done

echo
echo "Summary"
cat "$summary"
total=$(($(date +%s) - started))
printf '%-28s%6s s  %s\n' total "$total" "$([ "$failed" = 0 ] && echo ok || echo FAILED)"
exit "$failed"
