#!/bin/sh
# Python's and JavaScript's packages for the tests, in build/, once for each state of their lists: scripts/test-packages.sh [python]
set -eu
cd "$(dirname "$0")/.."

python_packages() {
  wanted=$(cksum tests/requirements.txt)
  [ "$wanted" != "$(cat build/venv/installed 2>/dev/null)" ] || return 0
  rm -rf build/venv
  python3 -m venv build/venv
  build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
  echo "$wanted" >build/venv/installed
}

javascript_packages() {
  from=tests/integration/foreign
  wanted=$(cat $from/package.json $from/package-lock.json | cksum)
  [ "$wanted" != "$(cat build/javascript/installed 2>/dev/null)" ] || return 0
  rm -rf build/javascript
  mkdir -p build/javascript
  cp $from/package.json $from/package-lock.json build/javascript/
  npm ci --prefix build/javascript --ignore-scripts --no-audit --no-fund
  echo "$wanted" >build/javascript/installed
}

python_packages
[ "${1:-}" = python ] || javascript_packages
