#!/bin/sh
# Keep one machine: keeper.sh CGROUP NETNS COMMAND... Runs COMMAND in its own control group and the lab's
# network namespace, and again whenever it ends with 133: that is how systemd-nspawn reports a reboot.
set -u
cgroup=$1
netns=$2
shift 2
for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -e "$root/cgroup.procs" ] || continue
  mkdir -p "$root/$cgroup" && echo $$ >"$root/$cgroup/cgroup.procs"
done
while :; do
  nsenter --net="$netns" "$@" </dev/null
  code=$?
  echo "keeper: $1 ended with $code"
  [ "$code" -eq 133 ] || exit "$code"
done
