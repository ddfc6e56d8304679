#!/usr/bin/env bash
# Builds the programs twice, as they are committed, in two folders and without a cache, and compares what came of it byte by byte:
#
#   tests/release/reproducible.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-twice.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

for each in one another/folder; do
  mkdir -p "$work/$each"
  git archive HEAD | tar -x -C "$work/$each"
  (cd "$work/$each" && CCACHE_DISABLE=1 scripts/build.sh release sluice sluice-sqs)
done
for program in sluice sluice-sqs; do
  cmp "$work/one/build/release/bin/$program" "$work/another/folder/build/release/bin/$program"
  sha256sum "$work/one/build/release/bin/$program" | sed "s, .*, $program,"
done
