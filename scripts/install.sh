#!/bin/sh
# Installs Debian packages for sluice. Debian 12 and 13; does nothing when all are there.
#
#   install.sh compile             what compiles the programs
#   install.sh build               that, and the demo's PostgreSQL
#   install.sh test                that, and what `make test` needs
#   install.sh verify              that, and what `make verify` needs
#   install.sh mirror [security]   prints the address that this machine's apt uses for Debian, or for its security updates
set -eu

want=${1:-build}
case "$want" in
  compile | build | test | verify | mirror) ;;
  *) sed -n '4,8s/^# *//p' "$0" >&2; exit 2 ;;
esac

fail() { echo "install: $*" >&2; exit 1; }

[ -r /etc/os-release ] || fail "no /etc/os-release: this script knows Debian 12 and 13"
# shellcheck source=/dev/null
. /etc/os-release
suite=${VERSION_CODENAME:-unknown}

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
  } | head -n 1 | grep . || fail "no Debian mirror for $1 in /etc/apt: add one, then run this again"
}
if [ "$want" = mirror ]; then
  debian_mirror "$suite${2:+-$2}"
  exit
fi

case "$suite" in
  bookworm) boost="libboost1.81-dev libboost-url1.81-dev" ;;
  *) boost="libboost-dev libboost-url-dev" ;;
esac
packages="g++ cmake ninja-build ccache pkg-config ca-certificates $boost libsimdjson-dev libpq-dev libssl-dev
  libfmt-dev libspdlog-dev libcli11-dev libtomlplusplus-dev prometheus-cpp-dev"
[ "$want" = compile ] || packages="$packages postgresql"
tests=""
case "$want" in test | verify) tests=yes ;; esac
if [ -n "$tests" ]; then
  packages="$packages nlohmann-json3-dev git curl groff-base fish zsh prometheus pgbouncer"
  # A machine that has these from elsewhere keeps its own.
  command -v node >/dev/null || packages="$packages nodejs"
  command -v npm >/dev/null || packages="$packages npm"
  command -v chromium >/dev/null || packages="$packages chromium fonts-dejavu-core"
  python3 -c 'import venv, ensurepip' 2>/dev/null || packages="$packages python3 python3-venv"
fi
[ "$want" != verify ] || packages="$packages libbenchmark-dev libconcurrentqueue-dev valgrind clang-19 clang-tidy-19
  clang-format-19 libclang-rt-19-dev llvm-19 shellcheck spin"

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
missing=""
for package in $packages; do
  installed "$package" || missing="$missing $package"
done
# Catch2 3 is newer than Debian 12 itself: there it comes from backports.
backports=""
if [ -n "$tests" ] && ! dpkg-query -W -f='${Version}' catch2 2>/dev/null | grep -q '^3'; then
  if [ "$suite" = bookworm ]; then backports="$suite-backports"; else missing="$missing catch2"; fi
fi
[ -n "$missing$backports" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || fail "run this as root, or install sudo; needed packages:$missing ${backports:+catch2}"
  as_root=sudo
fi

# apt's own words are for when it fails.
log=$(mktemp)
made_policy=""
finish() {
  rm -f "$log"
  [ -z "$made_policy" ] || $as_root rm -f "$made_policy"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "apt-get could not do it; packages:$missing"
  }
}

if [ -n "$backports" ]; then
  mirror=$(debian_mirror "$suite")
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $backports main" |
    $as_root tee /etc/apt/sources.list.d/sluice-backports.list >/dev/null
  missing="$missing catch2/$backports"
fi
# PostgreSQL is needed as programs: no cluster of its own, no system service.
if ! installed postgresql-common && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  $as_root mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi

# promtool and PgBouncer come with a service, which is not to start: not now (policy-rc.d, as in Debian's policy, 9.3.3.1), not when
# the machine does.
policy=/usr/sbin/policy-rc.d
services=""
for service in prometheus pgbouncer; do
  case "$missing " in *" $service "*) services="$services $service" ;; esac
done
if [ -n "$services" ] && [ ! -e "$policy" ]; then
  made_policy=$policy
  printf '#!/bin/sh\nexit 101\n' | $as_root install -m 755 /dev/stdin "$policy"
fi

echo "installing:$missing"
apt update
# shellcheck disable=SC2086
apt -y --no-install-recommends -o Dpkg::Options::=--force-confold install $missing
for service in $services; do $as_root update-rc.d "$service" disable; done
