#!/bin/sh
# The exercise on docker compose: scripts/exercise.sh start|message|run|db|stop|clean, in this order.
# Needs Docker alone: sluice runs in the image that compose.yaml builds.
set -eu
cd "$(dirname "$0")/.."
action=${1:-}

keys=build/exercise/keys.toml # made at the first start; clean removes it with the data that it opens

if ! docker compose version >/dev/null 2>&1 || ! docker info >/dev/null 2>&1; then
  [ "$action" != clean ] || exit 0
  echo "exercise: this needs Docker with its compose plugin, and a Docker that runs; \`make demo\` needs neither" >&2
  exit 1
fi

if [ "$action" != clean ] && [ -z "${SLUICE_KEYS:-}" ]; then
  if [ ! -s "$keys" ]; then
    mkdir -p "$(dirname "$keys")"
    (umask 077 && printf 'primary = "local"\n[keys]\nlocal = "%s"\n' "$(head -c 32 /dev/urandom | base64)" >"$keys")
  fi
  SLUICE_KEYS=$(cat "$keys")
  export SLUICE_KEYS
fi

case "$action" in
  start)
    docker compose build
    docker compose up --detach --wait localstack postgres
    docker compose run --rm init-db
    ;;
  message) docker compose run --rm sluice send /samples/login-events.ndjson --create ;;
  run) docker compose run --rm sluice drain ;;
  db)
    # shellcheck disable=SC2046  # one option or none
    docker compose exec $([ -t 0 ] || echo -T) postgres psql -U sluice logins
    ;;
  stop) docker compose stop ;;
  clean)
    docker compose --profile sluice-sqs --profile watch down --volumes --rmi local
    rm -rf "$(dirname "$keys")"
    ;;
  *) sed -n '2,3s/^# *//p' "$0" >&2; exit 2 ;;
esac
