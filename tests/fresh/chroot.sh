#!/usr/bin/env bash
# A tree of Debian 13 (or of the release in SLUICE_SUITE), to build and test in on a machine that runs something else.
#
#   tests/fresh/chroot.sh DIR                  makes DIR, or brings an existing one up to date with this machine's settings
#   tests/fresh/chroot.sh DIR -- COMMAND...    the same, then runs COMMAND in it, in /src
#
# /src is this repository, writable; /proc and /dev are mounted. The mounts are in a mount namespace of the command's own, which
# ends with its last process: none is left behind, whatever ends it. COMMAND replaces this script, so signals sent to this
# process reach it and its exit code is the script's. Needs root and debootstrap. Packages come from the mirror that this machine's
# own apt uses (or SLUICE_DEBIAN_MIRROR), and pip, apt, npm and TLS find in it what they find outside.
set -euo pipefail

suite=${SLUICE_SUITE:-trixie}
say() { echo "$suite: $*" >&2; }
die() { say "$*"; exit 1; }

usage_ok() { [ $# -eq 1 ] || { [ $# -ge 3 ] && [ "$2" = -- ]; }; }
usage_ok "$@" || {
  echo "usage: tests/fresh/chroot.sh DIR [-- COMMAND...]" >&2
  exit 2
}
repository=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(id -u)" = 0 ] || die "a chroot needs root: run this with sudo"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"
unshare --mount true 2>/dev/null || die "this machine forbids mounts (a container without CAP_SYS_ADMIN): run this outside it"
mkdir -p "$(dirname "$1")"
root=$(realpath -m "$1")
shift
[ "$root" != / ] || die "DIR is /"

mirror=${SLUICE_DEBIAN_MIRROR:-$("$repository/scripts/install.sh" mirror)}
security=${SLUICE_DEBIAN_MIRROR:+none}
security=${security:-$("$repository/scripts/install.sh" mirror security 2>/dev/null || echo none)}

make_tree() {
  rm -rf --one-file-system "$root.part"
  say "installing Debian $suite (minbase) into $root"
  # No file of it is worth an fsync: it can be made again.
  unshare --mount debootstrap --variant=minbase --include=ca-certificates "$suite" "$root.part" "$mirror" >"$root.log" 2>&1 ||
    die "debootstrap failed; its log is $root.log, and ends: $(tail -n 1 "$root.log")"
  rm -f "$root.log"
  mv "$root.part" "$root"
}

# What this machine's network needs, so that the same clients work inside. Cheap, and done each time.
copy_settings() {
  {
    echo "deb $mirror $suite main"
    [ "$security" = none ] || echo "deb $security $suite-security main"
  } >"$root/etc/apt/sources.list"
  {
    apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Retries|Check-Date|Check-Valid-Until)\b' || true
    echo 'APT::Install-Recommends "false";'
    echo 'Acquire::Languages "none";'
  } >"$root/etc/apt/apt.conf.d/90machine"
  mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
  echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/90machine"
  printf 'path-exclude=/usr/share/%s/*\n' doc man info locale >>"$root/etc/dpkg/dpkg.cfg.d/90machine"
  echo 'path-include=/usr/share/doc/*/copyright' >>"$root/etc/dpkg/dpkg.cfg.d/90machine"

  local file
  for file in resolv.conf hosts pip.conf npmrc; do
    [ ! -e "/etc/$file" ] || cp -L "/etc/$file" "$root/etc/$file"
  done
  # The machine's own authorities, and its bundle as it is, since one may have been added to the bundle alone.
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp -L /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  [ ! -e /etc/ssl/certs/ca-certificates.crt ] ||
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  local place
  for place in ${PIP_FIND_LINKS:-}; do
    [ ! -d "$place" ] || { mkdir -p "$root$place" && cp -a "$place/." "$root$place/"; }
  done
  mkdir -p "$root/src"
}

(
  flock 9
  [ -d "$root" ] || make_tree
  copy_settings
) 9>"$root.lock"

[ $# -gt 0 ] || { say "ready: $root"; exit 0; }
shift

# The caller's PATH, HOME and compilers are not those of the tree: only what concerns the network and these tests goes in.
environment=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in $(compgen -e); do
  case "$name" in
    PIP_*|npm_config_*|SSL_CERT_*|SLUICE_*|LOCALSTACK_*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO| \
    *_proxy|*_PROXY|CI|TERM) environment+=("$name=${!name}") ;;
  esac
done

# shellcheck disable=SC2016
exec unshare --mount sh -c '
  set -eu
  root=$1 repository=$2
  shift 2
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount --bind "$repository" "$root/src"
  exec env -i "$@"' sh "$root" "$repository" "${environment[@]}" \
  chroot "$root" sh -c 'cd /src && exec "$@"' sh "$@"
