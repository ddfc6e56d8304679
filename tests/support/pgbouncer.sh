#!/bin/sh
# PgBouncer on a free port of loopback, for tests: in front of the PostgreSQL of PGHOST, PGPORT, PGUSER and PGPASSWORD.
#
#   pgbouncer.sh DIR MODE [name=value ...]   MODE is session, transaction or statement; the rest are further settings.
#                                            Prints its port, and ends when its standard input does
#
# It asks the server for the roles' SCRAM secrets, and so takes any role that the server does. Each transaction gets the server
# connection that has rested longest: what a client leaves in a session is met by others, and not by itself.
# As root it runs as user postgres (PgBouncer refuses root).
set -eu

dir=$1 mode=$2
shift 2
fail() { echo "pgbouncer: $*" >&2; exit 1; }
program=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
[ -x "$program" ] || fail "PgBouncer is not installed: scripts/install.sh test"

# In the background only: the process that we know becomes the program.
serve() {
  if [ "$(id -u)" != 0 ]; then exec "$program" "$@"; fi
  exec setpriv --reuid=postgres --regid=postgres --clear-groups "$program" "$@"
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
(umask 077 && printf '"%s" "%s"\n' "$PGUSER" "$PGPASSWORD" >"$dir/users")
[ "$(id -u)" != 0 ] || chown -R postgres: "$dir"

tries=0
while :; do
  port=$((32000 + $(od -An -N2 -tu2 /dev/urandom) % 700))
  cat >"$dir/pgbouncer.ini" <<EOF
[databases]
* = host=$PGHOST port=$PGPORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $dir/users
auth_user = $PGUSER
auth_query = SELECT rolname, rolpassword FROM pg_authid WHERE rolname = \$1
pool_mode = $mode
server_round_robin = 1
min_pool_size = 3
server_reset_query = DISCARD ALL
$(printf '%s\n' "$@")
EOF
  # Its own working directory, and no descriptor of ours: whatever reads our output must see it end.
  cd "$dir"
  serve "$dir/pgbouncer.ini" </dev/null >"$dir/log" 2>&1 &
  waits=0
  until grep -q 'process up' "$dir/log" || ! kill -0 $!; do
    waits=$((waits + 1))
    [ $waits -lt 100 ] || break
    sleep 0.1
  done
  ! grep -q 'process up' "$dir/log" || break
  kill $! 2>/dev/null || true
  tries=$((tries + 1))
  [ $tries -lt 10 ] || { cat "$dir/log" >&2; fail "it does not start"; }
done

echo "$port"
trap : INT TERM HUP
cat >/dev/null || true
kill $! 2>/dev/null || true
wait
