#!/usr/bin/env bash
# Builds the image and drives compose.yaml as a person would, and looks at what came of it. Run by tests/compose/docker.sh, or on a
# machine with Docker and a registry as it is:
#
#   tests/compose/docker.sh tests/compose/run.sh
#
# All ports are free ones, and the project has a name of its own: nothing that runs already is touched.
set -euo pipefail
cd "$(dirname "$0")/../.."

rows_wanted=99 aside_wanted=1 many=300000
say() { printf 'compose: %s\n' "$*" >&2; }
die() { say "FAILED: $*"; exit 1; }

export COMPOSE_PROJECT_NAME=sluice-test-$$
read -r SQS_PORT SLUICE_SQS_PORT POSTGRES_PORT SLUICE_PORT PROMETHEUS_PORT GRAFANA_PORT < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*[s.getsockname()[1] for s in held])')
export SQS_PORT SLUICE_SQS_PORT POSTGRES_PORT SLUICE_PORT PROMETHEUS_PORT GRAFANA_PORT
SLUICE_KEYS=$(printf 'primary = "test"\n[keys]\ntest = "%s"\n' "$(head -c 32 /dev/urandom | base64)")
export SLUICE_KEYS

finish() {
  code=$?
  trap '' INT TERM HUP
  [ "$code" = 0 ] || docker compose --profile sluice-sqs --profile watch logs --no-color --tail 30 >&2 || true
  docker compose --profile sluice-sqs --profile watch down --volumes --timeout 5 >/dev/null 2>&1 || true
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

sql() { docker compose exec -T postgres psql -XqAt -U sluice logins -c "$1"; }
wait_for() { # SECONDS WHAT COMMAND...
  local seconds=$1 what=$2 i
  shift 2
  for ((i = 0; i < seconds * 2; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  die "waited $seconds s for $what"
}
has_rows() { [ "$(sql 'SELECT count(*) FROM sluice.ledger')" = "$1" ]; }
has_more_than() { [ "$(sql 'SELECT count(*) FROM sluice.ledger')" -gt "$1" ]; }
container() { docker compose ps --all --quiet "$1"; }
is_healthy() { [ "$(docker inspect -f '{{.State.Health.Status}}' "$(container "$1")")" = healthy ]; }

say "the exercise: make start message run db stop"
make -s start
make -s message
make -s run
echo 'SELECT masked_ip FROM user_logins LIMIT 1' | make -s db | grep -q 'test\.' || die "make db shows no masked value"
rows=$(sql 'SELECT count(*) FROM user_logins') aside=$(sql 'SELECT count(*) FROM sluice.quarantine')
[ "$rows $aside" = "$rows_wanted $aside_wanted" ] || die "$rows rows, $aside set aside"
make -s stop
make -s start
[ "$(sql 'SELECT count(*) FROM user_logins')" = "$rows_wanted" ] || die "the data did not outlive make stop"

say "the image: user, root file system, no shell, size"
[ "$(docker inspect -f '{{.Config.User}} {{.Config.StopSignal}}' sluice:local)" = "10001:10001 SIGTERM" ] || die "user or stop signal"
if docker run --rm --entrypoint /bin/sh sluice:local -c true 2>/dev/null; then die "there is a shell in the image"; fi
docker run --rm --read-only --cap-drop ALL sluice:local --version
say "sluice:local is $(($(docker inspect -f '{{.Size}}' sluice:local) / 1000)) kB"

say "sluice as a service: healthy, ready, loading"
docker compose up --detach sluice
wait_for 30 "sluice to be healthy" is_healthy sluice
curl -fsS "http://127.0.0.1:$SLUICE_PORT/readyz" >/dev/null
make -s message
wait_for 30 "another 100 messages" has_rows 200

say "a database that answers 40 s late: no check fails for good, as ECS would end the task for it"
docker compose stop sluice
docker compose pause postgres
docker start "$(container sluice)" >/dev/null
sleep 40
[ "$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}' "$(container sluice)")" = "running starting 0" ] ||
  die "after 40 s it is $(docker inspect -f '{{json .State}}' "$(container sluice)")"
docker compose unpause postgres
wait_for 60 "sluice to be healthy" is_healthy sluice

say "sluice-sqs instead of LocalStack; Prometheus beside it"
docker compose --profile sluice-sqs up --detach sluice-sqs
SQS_URL=http://sluice-sqs:9324 docker compose up --detach sluice
docker compose --profile watch up --detach prometheus
SQS_URL=http://sluice-sqs:9324 make -s message
wait_for 30 "100 messages of sluice-sqs" has_rows 300
send_many() { SQS_URL=http://sluice-sqs:9324 docker compose run --rm sluice send /samples/login-events.ndjson --count "$1"; }
of_prometheus() { curl -fsS "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/$1" | grep -q "$2"; }
wait_for 60 "Prometheus to scrape sluice" of_prometheus 'query?query=sluice_rows_loaded_total' '"result":\[{'
of_prometheus rules '"name":"SluiceNoProgress"' || die "Prometheus has not loaded the alert rules"

say "a stop in the middle of $many messages, as ECS does it, and the rest afterwards"
docker compose stop sluice
send_many "$many"
docker start "$(container sluice)" >/dev/null
wait_for 30 "some of them" has_more_than 10000
tests/compose/stop.sh "$(container sluice)"
loaded=$(sql 'SELECT count(*) FROM sluice.ledger')
[ "$loaded" -lt $((300 + many)) ] || die "the stop came too late to show anything"
say "$loaded were loaded when it stopped"
docker start "$(container sluice)" >/dev/null
wait_for 120 "the rest" has_rows $((300 + many))
[ "$(sql 'SELECT count(*) FROM user_logins')" = $((297 + many * 99 / 100)) ] || die "not each message once"

say "make clean"
docker compose --profile watch --profile sluice-sqs stop --timeout 30 >/dev/null 2>&1
scripts/exercise.sh clean
[ -z "$(docker volume ls --quiet --filter "name=$COMPOSE_PROJECT_NAME")" ] || die "make clean left volumes"
say "all of it passed"
