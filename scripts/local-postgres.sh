#!/bin/sh
# A PostgreSQL of its own in DIR, for demos and tests: no system service, no fixed port, nothing outside DIR.
#
#   local-postgres.sh DIR start [-c name=value ...]   makes a cluster, starts it, prints PGHOST, PGPORT, PGUSER,
#                                                     PGDATABASE and PGPASSWORD as `export` lines
#   local-postgres.sh DIR revive                      starts again, at the same port, what was killed
#   local-postgres.sh DIR stop                        stops it and removes DIR
#   local-postgres.sh DIR hold [-c name=value ...]    as start; stops and removes when its standard input ends
#
# As root the server runs as user postgres (initdb refuses root); DIR must be where that user can go.
set -eu

usage() { sed -n '4,8s/^# *//p' "$0" >&2; exit 2; }
fail() { echo "local-postgres: $*" >&2; exit 1; }

[ $# -ge 2 ] || usage
dir=$1 action=$2
shift 2

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || bin=$(pg_config --bindir 2>/dev/null) || true
[ -x "${bin:-}/initdb" ] || fail "PostgreSQL's programs are not installed: scripts/install.sh build"

as_owner() {
  if [ "$(id -u)" != 0 ]; then "$@"
  elif command -v setpriv >/dev/null; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
  else su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$@"
  fi
}

stop() {
  if [ -e "$dir/data/postmaster.pid" ]; then
    as_owner "$bin/pg_ctl" -D "$dir/data" -m fast -w -t 30 stop >/dev/null 2>&1 ||
      as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 30 stop >/dev/null 2>&1 || true
  fi
  # Only what start made.
  rm -rf "$dir/data" "$dir/log" "$dir/env" "$dir/password"
  rmdir "$dir" 2>/dev/null || true
}

give_up() {
  trap - EXIT INT TERM HUP
  [ -s "$dir/log" ] && tail -n 20 "$dir/log" >&2
  stop
  fail "PostgreSQL did not start in $dir"
}

random() { od -An -N "$1" -t "$2" /dev/urandom | tr -d ' \n'; }

start() {
  if [ -e "$dir/env" ]; then cat "$dir/env"; return; fi
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  [ ! -e "$dir/data" ] || fail "$dir/data is there already"
  trap give_up EXIT INT TERM HUP
  if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || fail "running as root, and there is no user postgres to run the server as"
    chown postgres: "$dir"
    as_owner test -w "$dir" || fail "user postgres cannot reach $dir: choose a place such as /tmp"
  fi

  password=$(random 24 x1)
  (umask 077 && echo "$password" >"$dir/password")
  [ "$(id -u)" != 0 ] || chown postgres: "$dir/password"
  as_owner "$bin/initdb" -D "$dir/data" -U sluice --pwfile="$dir/password" -A scram-sha-256 -E UTF8 --locale=C \
    --no-sync >"$dir/log" 2>&1

  socket=$dir
  # The path of a Unix socket has at most 107 bytes; without one, loopback is enough.
  [ ${#dir} -le 85 ] || socket=""
  tries=0
  while :; do
    port=$((20000 + $(random 2 u2) % 12000))
    # Its own working directory, and no descriptor of ours: whoever reads our output must see it end.
    if (cd "$dir" && as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 \
        -o "-p $port -h 127.0.0.1 -k '$socket' $*" start >>"$dir/log" 2>&1 </dev/null); then break; fi
    tries=$((tries + 1))
    if [ $tries -ge 10 ] || ! grep -q 'could not bind\|Address already in use' "$dir/data/log"; then
      cat "$dir/data/log" >>"$dir/log" 2>/dev/null || true
      exit 1
    fi
  done
  PGPASSWORD=$password "$bin/createdb" -h 127.0.0.1 -p "$port" -U sluice sluice

  (umask 077 && cat >"$dir/env" <<EOF
export PGHOST=127.0.0.1
export PGPORT=$port
export PGUSER=sluice
export PGDATABASE=sluice
export PGPASSWORD=$password
EOF
  )
  trap - EXIT INT TERM HUP
  cat "$dir/env"
}

# With the options of last time: pg_ctl keeps them beside the data.
revive() { (cd "$dir" && as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/log" -w -t 60 restart >/dev/null 2>&1 </dev/null); }

case "$action" in
  start) start "$@" ;;
  revive) revive ;;
  stop) stop ;;
  hold)
    start "$@"
    echo ready
    trap : INT TERM HUP
    cat >/dev/null || true
    stop
    ;;
  *) usage ;;
esac
