#!/bin/sh
# Installs Debian packages for sluice: `scripts/install.sh build` (what a build needs, and the demo's PostgreSQL) or
# `scripts/install.sh test` (that, and what `make test` needs). Debian 12 and 13; does nothing when all are there.
# `scripts/install.sh mirror [security]` prints the address that this machine's apt uses for Debian, or for its security updates.
set -eu

want=${1:-build}
case "$want" in build|test|mirror) ;; *) echo "usage: scripts/install.sh build|test|mirror" >&2; exit 2 ;; esac

. /etc/os-release

# The mirror that apt uses for a suite, from either form of sources file; one that is switched off does not count.
debian_mirror() {
  {
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed '/^#/d' | awk -v RS= -v suite="$1" '
      /(^|\n)Enabled: *no/ { next }
      { uri = ""; found = 0; n = split($0, line, "\n")
        for (i = 1; i <= n; i++) {
          m = split(line[i], word, /[ \t]+/)
          if (word[1] == "URIs:") uri = word[2]
          if (word[1] == "Suites:") for (j = 2; j <= m; j++) if (word[j] == suite) found = 1
        }
        if (found && uri != "") print uri }'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk -v suite="$1" '
      $1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /^[a-z+]+:\/\// && $(i + 1) == suite) { print $i; exit } }'
  } | head -n 1 | grep . ||
    { echo "install: no Debian mirror for $1 in /etc/apt: add one, then run this again" >&2; return 1; }
}
if [ "$want" = mirror ]; then debian_mirror "${VERSION_CODENAME:-stable}${2:+-$2}"; exit; fi

case "${VERSION_CODENAME:-}" in
  bookworm) boost="libboost1.81-dev libboost-url1.81-dev" ;;
  *)        boost="libboost-dev libboost-url-dev" ;;
esac

packages="g++ cmake ninja-build ccache pkg-config ca-certificates $boost libsimdjson-dev libpq-dev libssl-dev libfmt-dev
  libspdlog-dev libcli11-dev libtomlplusplus-dev postgresql"
if [ "$want" = test ]; then
  packages="$packages catch2 clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19 git curl
    python3 python3-venv nodejs npm"
fi
# A machine that has node or npm from elsewhere keeps its own.
for tool in nodejs:node npm:npm; do
  if command -v "${tool#*:}" >/dev/null 2>&1; then packages=$(echo "$packages" | tr '\n' ' ' | sed "s/ ${tool%%:*}\b//"); fi
done

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
missing=""
for package in $packages; do
  installed "$package" || missing="$missing $package"
done
# Catch2 3 is newer than Debian 12 itself: it comes from backports.
needs_backports=""
if [ "$want" = test ] && ! dpkg-query -W -f='${Version}' catch2 2>/dev/null | grep -q '^3'; then
  missing="$(echo "$missing" | sed 's/ catch2\b//') catch2"
  [ "$VERSION_CODENAME" = bookworm ] && needs_backports=1
fi
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install: run as root, or install sudo; needed packages:$missing" >&2; exit 1; }
  as_root=sudo
fi

backports=""
if [ "$want" = test ] && ! dpkg-query -W -f='${Version}' catch2 2>/dev/null | grep -q '^3'; then
  missing="$(echo "$missing" | sed 's/ catch2\b//') catch2"
  [ "$VERSION_CODENAME" = bookworm ] && needs_backports=1
fi
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install: run as root, or install sudo; needed packages:$missing" >&2; exit 1; }
  as_root=sudo
fi

# The mirror this machine already uses for Debian, in either form of sources file.
debian_mirror() {
  cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '
    $1 == "URIs:" { uri = $2 } $1 == "Suites:" && $0 ~ (" " code "( |$)") { print uri; exit }' code="$VERSION_CODENAME"
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | awk '
    $1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /^[a-z+]+:\/\// && $(i + 1) == code) { print $i; exit } }' code="$VERSION_CODENAME"
}
backports=""
if [ -n "$needs_backports" ]; then
  mirror=$(debian_mirror "$VERSION_CODENAME")
  list=/etc/apt/sources.list.d/sluice-backports.list
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] $mirror $VERSION_CODENAME-backports main" | $as_root tee "$list" >/dev/null
  backports="catch2/$VERSION_CODENAME-backports"
  missing=$(echo "$missing" | sed 's/ catch2\b//')
fi

echo "installing:$missing $backports"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
# PostgreSQL is needed as programs: no cluster of its own, no system service.
if ! installed postgresql-common && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  $as_root mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
  -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install $missing $backports >/dev/null
