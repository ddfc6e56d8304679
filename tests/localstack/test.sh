#!/bin/sh
# The exercise against LocalStack: queue made, 100 messages sent, drained into a PostgreSQL of its own: 99 rows, 1 set aside.
# Run by tests/localstack/run.sh, which gives LOCALSTACK_ENDPOINT; the programs are those of SLUICE_BIN, or of the release build.
set -eu
cd "$(dirname "$0")/../.."
: "${LOCALSTACK_ENDPOINT:?start this through tests/localstack/run.sh}"
sluice=${SLUICE_BIN:-build/release/bin}/sluice
database=$(mktemp -d "${TMPDIR:-/tmp}/sluice-localstack.XXXXXX")
trap 'scripts/local-postgres.sh "$database/data" stop; rm -rf "$database"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$database"
exports=$(scripts/local-postgres.sh "$database/data" start)
eval "$exports"
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
export AWS_ENDPOINT_URL_SQS="$LOCALSTACK_ENDPOINT" SLUICE_QUEUE=login-queue
SLUICE_KEYS=$("$sluice" keygen k1)
export SLUICE_KEYS

"$sluice" init-db
"$sluice" send tests/data/login-events/login-events.ndjson --create
"$sluice" check
"$sluice" drain
rows=$(psql -XqAt -c 'SELECT count(*) FROM user_logins')
aside=$(psql -XqAt -c 'SELECT count(*) FROM sluice.quarantine')
echo "localstack: $rows rows, $aside set aside"
[ "$rows" = 99 ] && [ "$aside" = 1 ]
