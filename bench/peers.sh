#!/usr/bin/env bash
# Brings the peers of `make bench` and `make soak` into target/peers, beside the system: VictoriaMetrics from Debian 12,
# Prometheus 3.5 from Debian unstable, whose programs need no library that Debian 12 has too old. Nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

peers=target/peers
# The mirror that this machine already trusts.
mirror=${BENCH_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

if ! command -v apt-get > /dev/null || ! test -s "$keyring"; then
  printf 'error: this is no Debian\n  hint: put `prometheus` (3.5) and `victoria-metrics` with `vmalert` on PATH, or name them in BENCH_PROMETHEUS and BENCH_VICTORIA\n' >&2
  exit 1
fi

# bring SUITE PACKAGE: unpacks the package of a suite, with lists and settings of its own.
bring() {
  local suite=$1 package=$2 apt=$PWD/$peers/apt-$1
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
  echo "deb [signed-by=$keyring] $mirror $suite main" > "$apt/sources.list"
  local own=(-o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$apt/lists"
    -o "Dir::Cache=$apt/cache" -o Dir::State::Status=/dev/null -o APT::Sandbox::User=root)
  apt-get "${own[@]}" -qq update < /dev/null
  (cd "$apt/packages" && apt-get "${own[@]}" -qq download "$package")
  dpkg -x "$apt/packages/$package"_*.deb "$peers"
  rm -rf "$apt"
}

test -x "$peers/usr/bin/victoria-metrics" || bring bookworm victoria-metrics
test -x "$peers/usr/bin/prometheus" || bring sid prometheus

"$peers/usr/bin/prometheus" --version | head -n 1
"$peers/usr/bin/victoria-metrics" --version
