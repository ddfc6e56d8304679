#!/usr/bin/env bash
# Runs a command with a Docker of its own, in which the images that compose.yaml names are stand-ins:
#
#   tests/compose/docker.sh COMMAND...
#
# For machines without a registry, and so that a test touches nobody's containers. debian:trixie-slim comes from debootstrap
# (tests/fresh/chroot.sh), postgres:17 and prom/prometheus from Debian's packages, localstack/localstack from its Python packages; there
# is none for Grafana. The daemon ends with COMMAND; its images stay in ~/.cache/sluice, so that the next run builds what changed. Needs
# root, docker.io and debootstrap.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: tests/compose/docker.sh COMMAND..." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice/docker
start_max_s=30
say() { echo "docker: $*" >&2; }
die() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || die "a Docker daemon needs root: run this with sudo"
for each in dockerd docker debootstrap; do
  command -v "$each" >/dev/null || die "$each is missing: apt-get install docker.io debootstrap"
done
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9 # one daemon at a time has the images

work=$(mktemp -d /tmp/sluice-docker.XXXXXX)
daemon=""
finish() {
  trap '' INT TERM HUP
  if [ -n "$daemon" ]; then
    kill -TERM "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

dockerd -H "unix://$work/docker.sock" --data-root "$cache/data" --exec-root "$work/exec" -p "$work/pid" >"$cache/log" 2>&1 9>&- &
daemon=$!
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$cache/config DOCKER_BUILDKIT=0
for ((i = 0; ; i++)); do
  if docker info >/dev/null 2>&1; then break; fi
  if ! kill -0 "$daemon" 2>/dev/null || ((i >= start_max_s * 5)); then
    tail -n 20 "$cache/log" >&2
    die "dockerd did not start; its last lines are above, all are in $cache/log"
  fi
  sleep 0.2
done

tree=$cache/debian
has_image() { docker image inspect "$1" >/dev/null 2>&1; }
if ! has_image debian:trixie-slim; then
  say "debian:trixie-slim from debootstrap"
  "$repository/tests/fresh/chroot.sh" "$tree"
  tar -C "$tree" --one-file-system -c . | docker import - debian:trixie-slim >/dev/null
fi
# Debian 12 has no Compose of today's kind; the one of Debian 13 is a static program.
if ! docker compose version >/dev/null 2>&1; then
  say "Compose from Debian 13's package"
  "$repository/tests/fresh/chroot.sh" "$tree" -- sh -c 'cd /tmp && apt-get -qq update && apt-get -qq download docker-compose'
  dpkg-deb -x "$tree"/tmp/docker-compose_*.deb "$tree/tmp/compose"
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  cp "$tree/tmp/compose/usr/libexec/docker/cli-plugins/docker-compose" "$DOCKER_CONFIG/cli-plugins/"
fi

# The names that compose.yaml gives, so that they are written once.
image_of() { awk -v name="$1" '$1 == "image:" && index($2, name) { print $2 }' "$repository/compose.yaml"; }
stand_in() {
  cp "$here/$1".* "$repository/tests/localstack/requirements.txt" "$work/context/"
  docker build --quiet -f "$work/context/$1.Dockerfile" -t "$(image_of "$1")" "$work/context" >/dev/null 2>"$work/build.log" || {
    cat "$work/build.log" >&2
    die "no stand-in for $1"
  }
}
mkdir -p "$work/context"
for each in postgres localstack prometheus; do
  say "$(image_of "$each") from packages"
  stand_in "$each"
done

"$@" 9>&-
