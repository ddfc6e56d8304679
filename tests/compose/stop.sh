#!/usr/bin/env bash
# Stops a container of sluice as ECS does, with the time that the template gives it, and shows that it needs less and ends with 0:
#
#   tests/compose/stop.sh CONTAINER
set -euo pipefail
cd "$(dirname "$0")/../.."

stop_timeout_s=$(sed -n 's/^ *StopTimeout: *\([0-9]*\)$/\1/p' deploy/cloudformation/sluice.yaml)
began=$(date +%s%N)
docker stop --time "$stop_timeout_s" "$1" >/dev/null
took_ms=$((($(date +%s%N) - began) / 1000000))
code=$(docker inspect -f '{{.State.ExitCode}}' "$1")
echo "stop: exit $code after $took_ms ms, of $stop_timeout_s s" >&2
[ "$code" = 0 ] && [ "$took_ms" -lt $((stop_timeout_s * 1000)) ]
