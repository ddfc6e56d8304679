#!/bin/sh
# Prepares what the peers and the plots need (Python and Node packages, in build/bench and bench/peers/node), then bench/run.py
# with the same arguments. REDPANDA_CONNECT names the binary of that peer; docs/performance.md says what it must have in it.
set -eu
cd "$(dirname "$0")/.."
venv=build/bench/venv
wanted=$(cksum bench/requirements.txt)
if [ "$wanted" != "$(cat $venv/installed 2>/dev/null)" ]; then
  rm -rf $venv
  python3 -m venv $venv
  $venv/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
  echo "$wanted" >$venv/installed
fi
if command -v npm >/dev/null && [ ! -d bench/peers/node/node_modules/sqs-consumer ]; then
  npm install --prefix bench/peers/node --silent --no-audit --no-fund --no-package-lock
fi
exec $venv/bin/python bench/run.py "$@"
