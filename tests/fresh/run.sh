#!/usr/bin/env bash
# The two commands of the README on a fresh machine: in a new tree of Debian 12 and one of 13 (debootstrap, git and make), the
# last commit is cloned, `make demo` and `make test` run with nothing cached, and their times and results are printed.
#
#   tests/fresh/run.sh [bookworm|trixie]... [root|user]...    (default: both releases, as root and as a user with sudo)
#
# As root the clone is in root's closed home; as a user its path has a space and a letter that is not ASCII. COMMANDS="demo" runs
# only that. The base trees are kept in ~/.cache/sluice/fresh-SUITE (SLUICE_FRESH names another folder); what was run in goes,
# unless it failed. Needs root and debootstrap.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
cache=${SLUICE_FRESH:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
suites=() accounts=()
for word; do
  case "$word" in
    bookworm | trixie) suites+=("$word") ;;
    root | user) accounts+=("$word") ;;
    *) sed -n '5,10s/^# *//p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#suites[@]} -gt 0 ] || suites=(bookworm trixie)
[ ${#accounts[@]} -gt 0 ] || accounts=(root user)
failed=0
results=()

# base SUITE: the tree with git, make and sudo, and a user "tester" who may use sudo.
base() {
  SLUICE_SUITE=$1 "$here/chroot.sh" "$cache/fresh-$1" -- sh -c '
    command -v git >/dev/null && command -v make >/dev/null && command -v sudo >/dev/null && [ -d /srv/tester ] && exit
    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install git make sudo >/dev/null &&
      useradd --create-home --home-dir /srv/tester --shell /bin/sh tester && echo "tester ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/tester' >&2
}

# one SUITE ACCOUNT: runs the commands in a copy of the tree. The copy has a process namespace of its own: nothing outlives it.
one() {
  local suite=$1 account=$2 tree log command code
  tree=$cache/run-$suite-$account
  log=$repository/build/logs/fresh-$suite-$account.log
  mkdir -p "$(dirname "$log")"
  rm -rf --one-file-system "$tree"
  cp -a --reflink=auto "$cache/fresh-$suite" "$tree"
  printf '[safe]\n\tdirectory = *\n' >"$tree/etc/gitconfig"  # the repository may be another user's
  local environment=(LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  for name in $(compgen -e); do
    case "$name" in
      PIP_* | npm_config_* | SSL_CERT_* | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE | NODE_EXTRA_CA_CERTS | *_proxy | *_PROXY)
        environment+=("$name=${!name}")
        ;;
    esac
  done
  local home=/root place=/root/sluice spec=root:root
  if [ "$account" = user ]; then home=/srv/tester place="/srv/tester/dépôt de sluice" spec=tester:tester; fi
  # What pip, npm and apt need of this machine's network passes through sudo, too.
  printf 'Defaults env_keep += "%s"\n' "$(printf '%s ' "${environment[@]%%=*}")" >"$tree/etc/sudoers.d/network"

  # shellcheck disable=SC2016
  inside() {
    unshare --mount --pid --fork --kill-child sh -c '
      set -eu
      root=$1 repository=$2 spec=$3
      shift 3
      mount -t proc proc "$root/proc"
      mount --rbind /dev "$root/dev"
      mount --bind -o ro "$repository" "$root/src"
      exec env -i "$@"' sh "$tree" "$repository" "$spec" HOME="$home" USER="${spec%%:*}" "${environment[@]}" \
      chroot --userspec="$spec" "$tree" "$@"
  }
  inside git clone --quiet --no-hardlinks /src "$place" >"$log" 2>&1 || { tail -n 5 "$log" >&2; return 1; }
  for command in ${COMMANDS:-demo test}; do
    local started cpu result=ok
    started=$(date +%s)
    # shellcheck disable=SC2016
    inside bash -c 'TIMEFORMAT="cpu %U %S"; cd "$1" && time make "$2"' bash "$place" "$command" >>"$log" 2>&1 && code=0 || code=$?
    cpu=$(awk '$1 == "cpu" { print int($2 + $3) }' "$log" | tail -n 1)
    [ "$code" = 0 ] || { result="FAILED ($code): $log"; failed=1; }
    results+=("$(printf '%-9s %-5s make %-5s %5s s  %6s s of CPU  %s' "$suite" "$account" "$command" "$(($(date +%s) - started))" "$cpu" "$result")")
    echo "${results[-1]}"
    [ "$code" = 0 ] || { sed -n '/^What failed/,$p' "$log"; return; }
  done
  rm -rf --one-file-system "$tree"
}

for suite in "${suites[@]}"; do
  base "$suite"
  for account in "${accounts[@]}"; do one "$suite" "$account" || failed=1; done
done
printf '\n'
printf '%s\n' "${results[@]}"
exit "$failed"
