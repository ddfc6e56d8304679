#!/bin/sh
# `make demo`: builds sluice, starts a queue and a database of its own, sends the 100 sample messages, moves them, and shows
# what became of them. Everything is in one temporary directory, which goes when this ends, also by Ctrl-C.
set -eu
cd "$(dirname "$0")/.."

# shellcheck source=scripts/progress.sh
. scripts/progress.sh

samples=tests/data/login-events/login-events.ndjson
bin=build/release/bin
rows_shown=4

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold="" plain=""; fi
heading() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %-12s%s\n' "$1" "$2"; }
fail() { echo "demo: $*" >&2; exit 1; }

work="" queue=""
finish() {
  code=$?
  trap '' INT TERM HUP
  if [ -n "$queue" ]; then kill "$queue" 2>/dev/null || true; wait "$queue" 2>/dev/null || true; fi
  if [ -n "$work" ]; then scripts/local-postgres.sh "$work/postgres" stop || true; rm -rf "$work"; fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

heading "Build"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
  log=$(mktemp)
  with_progress "packages" "$log" scripts/install.sh build || { cat "$log" >&2; rm -f "$log"; fail "packages are missing"; }
  rm -f "$log"
else
  scripts/install.sh build # sudo may ask for a password, and needs the terminal for that
fi
scripts/build.sh release
say "programs" "$bin/sluice, $bin/sluice-sqs"

# The caller's own settings must not reach the demo, nor the demo the caller's queue.
for name in $(env | sed -n 's/^\(\(SLUICE_\|AWS_\|PG\)[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=demo
AWS_SECRET_ACCESS_KEY=$(od -An -N 24 -t x1 /dev/urandom | tr -d ' \n')
export AWS_SECRET_ACCESS_KEY SLUICE_QUEUE=login-events SLUICE_LOG_LEVEL=warning

heading "Start"
work=$(mktemp -d /tmp/sluice-demo.XXXXXX)
chmod 711 "$work" # as root, the database runs as user postgres
"$bin/sluice-sqs" --listen 127.0.0.1:0 --port-file "$work/port" --region "$AWS_REGION" \
  --access-key "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" >"$work/queue.log" 2>&1 &
queue=$!
exports=$(scripts/local-postgres.sh "$work/postgres" start) || fail "PostgreSQL did not start"
eval "$exports"
tries=0
until [ -s "$work/port" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$queue" 2>/dev/null; then
    cat "$work/queue.log" >&2
    fail "the queue did not start"
  fi
  sleep 0.05
done
AWS_ENDPOINT_URL_SQS=http://127.0.0.1:$(cat "$work/port")
export AWS_ENDPOINT_URL_SQS
sql() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off "$@"; }
say "queue" "sluice-sqs at $AWS_ENDPOINT_URL_SQS"
say "database" "PostgreSQL $(sql -A -t -c 'show server_version' | cut -d ' ' -f 1) at $PGHOST:$PGPORT"

SLUICE_KEYS=$("$bin/sluice" keygen demo)
export SLUICE_KEYS
"$bin/sluice" init-db >"$work/init.log" || { cat "$work/init.log"; exit 1; }
say "keys, table" "a new key ring; user_logins, ledger and quarantine"

heading "Send"
say "first one" "$(head -n 1 "$samples")"
say "all" "$("$bin/sluice" send "$samples" --create 2>&1)"

heading "Drain"
"$bin/sluice" drain

heading "Set aside, and why"
sql -P footer=off -c "select reason, column_name as \"column\", octet_length(body) || ' bytes, sealed' as body, message_id
  from sluice.quarantine order by reason, message_id"

heading "Loaded and masked: the first $rows_shown, tokens cut to fit"
ids=$(head -n "$rows_shown" "$samples" | sed 's/.*"user_id": "\([^"]*\)".*/\1/' | paste -s -d ,)
sql -P footer=off -v ids="{$ids}" <<'SQL'
select left(user_id, 8) || '...' as user_id, device_type, left(masked_ip, 16) || '...' as masked_ip,
    left(masked_device_id, 16) || '...' as masked_device_id, locale, app_version
  from user_logins join unnest(:'ids'::text[]) with ordinality as shown(id, place) on user_id = id order by place
SQL
