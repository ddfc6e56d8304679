#!/bin/sh
# What the entry point of postgres:17 does of what compose.yaml uses.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" >/tmp/password
  initdb -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 >/dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  # Not yet on the network: whoever waits for it must not find it before the database is there.
  pg_ctl start -w -s -o "-c listen_addresses="
  createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl stop -w -s
fi
exec postgres -c 'listen_addresses=*'
