# Sourced by scripts/test.sh: runs the steps of a test run, and tells what failed. The log of each step is in build/logs.
# V=1 shows everything as it happens.
# shellcheck shell=sh disable=SC2154  # `root` is the repository, named by the script that sources this

# shellcheck source=scripts/progress.sh
. "$root/scripts/progress.sh"

logs=$root/build/logs
summary=$logs/summary
told=$logs/failures
mkdir -p "$logs"
: >"$summary"
: >"$told"
failed=0
started=$(date +%s)

# tell_failure NAME LOG: which tests failed, why, and the command that runs each alone. CI, whose machine may be gone
# when its report is read, shows the end of the log before that.
tell_failure() {
  if [ -n "${CI:-}" ]; then
    echo "---- the end of $2"
    tail -n 60 "$2"
    echo "----"
  fi
  {
    python3 "$root/tests/failures.py" "$2" 2>&1 || tail -n 15 "$2"
    echo "  the whole log: ${2#"$root"/}"
  } >"$2.failures"
  cat "$2.failures"
  { echo "$1"; cat "$2.failures"; } >>"$told"
}

# step NAME COMMAND...: runs it, and remembers its time and result.
step() {
  name=$1
  shift
  log="$logs/$(echo "$name" | tr -cs '[:alnum:]\n' -).log"
  at=$(date +%s)
  if [ -n "${V:-}" ]; then
    echo "== $name"
    ("$@") </dev/null && result=0 || result=$?
  else
    with_progress "$name" "$log" in_subshell "$@" && result=0 || result=$?
  fi
  verdict=ok
  [ "$result" = 0 ] || verdict=FAILED failed=1
  printf '%-28s%6s s  %s\n' "$name" "$(($(date +%s) - at))" "$verdict" | tee -a "$summary"
  [ "$result" = 0 ] || [ -n "${V:-}" ] || tell_failure "$name" "$log"
  return "$result"
}
in_subshell() ("$@")

# The last lines of a run: the time of each step, and once more all that failed. Gives the exit code of the run.
summarise() {
  echo
  echo "Summary"
  cat "$summary"
  printf '%-28s%6s s  %s\n' total "$(($(date +%s) - started))" "$([ "$failed" = 0 ] && echo ok || echo FAILED)"
  [ ! -s "$told" ] || { echo; echo "What failed"; cat "$told"; }
  return "$failed"
}
