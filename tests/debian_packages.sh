#!/usr/bin/env bash
# Install the Debian packages that the lab, the browser tests and the monitoring tests use. Does nothing when all are there.
set -euo pipefail

packages=(
  chromium chromium-driver fonts-noto-cjk # the page, in a real browser
  espeak-ng                               # the last fallback voice
  systemd-container mmdebstrap iproute2 openssh-client nftables socat # the lab
  prometheus prometheus-alertmanager prometheus-node-exporter prometheus-blackbox-exporter # rules and routes, read by their own programs
  nginx-light # TLS in front of the remediator, tried with a real one
  systemd logrotate cron sudo python3-venv
  postgresql                              # the store of several remediators; tests run a cluster of their own
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "== Not root on Debian: skipped ${missing[*]}; the tests that need them are skipped and counted"
  exit 0
fi
echo "== Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# Their programs are what is used: no service of theirs is started on this machine.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi
install() { apt-get -q -o Acquire::Retries=5 -o Dpkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; }
apt-get -q -o Acquire::Retries=5 update >/dev/null 2>&1 || true
install || { sleep 5; apt-get -q update >/dev/null 2>&1 || true; install; } || {
  tail -n 30 "$log" >&2
  echo "== Debian packages could not be installed; the lines above say why" >&2
  exit 1
}
rm -f "$log"
