#!/usr/bin/env bash
# Runs a command beside LocalStack's SQS, a queue service that was not written here:
#
#   tests/localstack/run.sh COMMAND...
#
# COMMAND finds the address in LOCALSTACK_ENDPOINT (http://127.0.0.1:PORT, a free port). When it ends, or is stopped, so does
# LocalStack; its exit code is the script's. LocalStack needs Python 3.13 or newer: SLUICE_PYTHON, or the first that is found, else
# (root only) that of a Debian 13 tree from tests/fresh/chroot.sh in SLUICE_TRIXIE. It is installed once into ~/.cache/sluice.
# It listens on loopback only and talks to nobody: no telemetry, no downloads.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: tests/localstack/run.sh COMMAND..." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice
start_max_s=90
stop_max_s=10
say() { echo "localstack: $*" >&2; }
die() { say "$*"; exit 1; }

suitable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 13))' >/dev/null 2>&1; }
find_python() {
  local python
  for python in ${SLUICE_PYTHON:-python3 python3.13 "$HOME"/.pyenv/versions/3.1[3-9].*/bin/python3}; do
    if suitable "$python"; then echo "$python"; return; fi
  done
  return 1
}

# `inside` runs a command where that Python is; `tree` is that place's root, as seen from here.
if python=$(find_python); then
  tree=""
  inside() { exec "$@"; }
else
  python=python3
  tree=${SLUICE_TRIXIE:-$cache/trixie}
  cache=/root/.cache/sluice
  inside() { exec "$repository/tests/fresh/chroot.sh" "$tree" -- "$@"; }
  say "no Python 3.13 here: using Debian 13's"
  "$repository/tests/fresh/chroot.sh" "$tree"
fi

venv=$cache/localstack
install_localstack() {
  local wanted have
  wanted=$(sha256sum <"$here/requirements.txt")
  have=$(cat "$tree$venv/installed" 2>/dev/null || true)
  # A virtual environment whose Python has gone does not start.
  if [ "$wanted" = "$have" ] && (inside "$venv/bin/python" -c '') 2>/dev/null; then return; fi
  say "installing LocalStack 4.14.0 into $tree$venv"
  rm -rf "$tree$venv"
  if [ -n "$tree" ]; then
    (inside sh -c 'apt-get -qq update && apt-get -qq -y install python3 python3-venv' >/dev/null)
  fi
  (inside "$python" -m venv "$venv")
  mkdir -p "$tree$venv"
  cp "$here/requirements.txt" "$tree$venv/requirements.txt"
  (inside "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$venv/requirements.txt")
  echo "$wanted" >"$tree$venv/installed"
}
mkdir -p "$tree$cache"
(flock 9; install_localstack) 9>"$tree$cache/localstack.lock"

work=$(mktemp -d "$tree/tmp/sluice-localstack.XXXXXX")
server="" child=""
finish() {
  trap '' INT TERM HUP
  if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
    for ((i = 0; i < stop_max_s * 10; i++)); do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
# Ctrl-C reaches COMMAND from the terminal; a plain kill is passed on. Either way we stop LocalStack after COMMAND, so that its
# teardown still finds the queues.
trap '[ -z "$child" ] && exit 130' INT
trap '[ -n "$child" ] && kill -TERM "$child" 2>/dev/null || exit 143' TERM HUP

# LocalStack's server takes the port from GATEWAY_LISTEN and then binds every IPv4 address: here, loopback alone.
serve='
import functools
from twisted.internet import endpoints
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
from localstack.runtime.main import main
main()
'

start_localstack() {
  local home=${work#"$tree"}
  # A session of its own keeps the terminal's Ctrl-C away. The caller's AWS_* settings are not for it. Queue addresses are given as
  # loopback, so that a client that follows them asks no name server.
  (inside setsid setpriv --pdeathsig TERM env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME="$home" \
    FILESYSTEM_ROOT="$home/root" GATEWAY_LISTEN="127.0.0.1:$port" LOCALSTACK_HOST="127.0.0.1:$port" SQS_ENDPOINT_STRATEGY=off \
    SERVICES=sqs EAGER_SERVICE_LOADING=1 DNS_ADDRESS=0 DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 \
    SQS_DISABLE_CLOUDWATCH_METRICS=1 "$venv/bin/python" -c "$serve") </dev/null >"$work/log" 2>&1 &
  server=$!
}

port=$(inside "$venv/bin/python" -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
healthy() {
  (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /_localstack/health HTTP/1.0\r\n\r\n' >&3 &&
    grep -Eq '"sqs": "(available|running)"' <&3) 2>/dev/null
}

start_localstack
for ((i = 0; ; i++)); do
  if healthy; then break; fi
  if ! kill -0 "$server" 2>/dev/null || ((i >= start_max_s * 5)); then
    tail -n 20 "$work/log" >&2
    die "LocalStack did not answer on port $port within $start_max_s s, or ended; its last lines are above"
  fi
  sleep 0.2
done

export LOCALSTACK_ENDPOINT=http://127.0.0.1:$port
say "answers at $LOCALSTACK_ENDPOINT"
# A background command of a script ignores Ctrl-C unless told otherwise; it is in the background only so that traps run at once.
(trap - INT QUIT; exec "$@") <&0 &
child=$!
code=0
wait "$child" || code=$?
while kill -0 "$child" 2>/dev/null; do
  code=0
  wait "$child" || code=$?
done
[ "$code" = 0 ] || { say "the command ended with $code; LocalStack's last lines:"; tail -n 10 "$work/log" >&2; }
exit "$code"
