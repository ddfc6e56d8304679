# Sourced by the scripts that take long: shows what is being done, and how far it is.
# shellcheck shell=sh

# How far it is, from the end of a log: the counters of ninja, ctest, pytest and the crash test.
how_far() {
  tail -c 4000 "$1" 2>/dev/null | tr '\r' '\n' |
    grep -oE '\[[0-9]+/[0-9]+\]|\[ *[0-9]+%\]|[0-9]+/[0-9]+ Test|[0-9]+ cycles,' | tail -n 1 | sed 's/ Test//; s/[],[]//g; s/^ *//'
}

# show_progress NAME LOG: one line that changes on a terminal, a line a minute elsewhere. Ends with this script.
show_progress() {
  begun=$(date +%s)
  next=60
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    seconds=$(($(date +%s) - begun))
    if [ -t 1 ]; then
      printf '\r%-28s%6s s  %s\033[K' "$1" "$seconds" "$(how_far "$2")"
    elif [ "$seconds" -ge "$next" ]; then
      next=$((next + 60))
      printf '%-28s%6s s  %s ...\n' "$1" "$seconds" "$(how_far "$2")"
    fi
  done
}

# with_progress NAME LOG COMMAND...: runs it with its output in LOG. Gives its exit code.
with_progress() {
  show_progress "$1" "$2" &
  watcher=$!
  output=$2
  shift 2
  "$@" >"$output" 2>&1 </dev/null && code=0 || code=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  [ ! -t 1 ] || printf '\r\033[K'
  return "$code"
}
