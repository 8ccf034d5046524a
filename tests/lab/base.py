"""The Debian 12 tree that every host of every lab starts from; built once per content, in the cache."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.paths import HERE, cache_dir, content_hash, locked
from tests.lab.proc import call
from tests.lab.progress import Progress

PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "polkitd", "libpam-systemd", "openssh-server", "openssh-client",
    "sudo", "cron", "logrotate", "python3", "python3-venv", "python3-apt", "python3-aiosmtpd", "acl",
    "ca-certificates", "curl", "iproute2", "iputils-ping", "kmod", "libgomp1", "netcat-openbsd",
    "nftables", "procps", "psmisc", "rsync", "tzdata", "zip", "unzip", "prometheus",
    "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-blackbox-exporter", "nginx-light", "openssl",
]  # fmt: skip
# Roles enable what a host needs; maintenance timers only cost a small machine its processor.
DISABLED = [
    "prometheus.service", "prometheus-alertmanager.service", "prometheus-node-exporter.service",
    "prometheus-blackbox-exporter.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
    "getty@.service", "nftables.service", "nginx.service",
]  # fmt: skip
MASKED = [
    "console-getty.service", "systemd-firstboot.service", "proc-sys-fs-binfmt_misc.automount",
]  # fmt: skip
RECIPE = "1"  # a new number builds the tree anew


def base_key() -> str:
    """Name the content of the tree: its packages, its units, its files."""
    return content_hash([HERE / "tree"], RECIPE, *PACKAGES, *DISABLED, *MASKED)


def ensure_base(progress: Progress) -> Path:
    """Return the tree, building it first when this content was never built here."""
    path = cache_dir() / f"base-{base_key()}"
    if path.is_dir():
        return path
    with locked(
        cache_dir() / "base.lock", lambda: progress.say("another process builds the Debian tree; waiting")
    ):
        if not path.is_dir():
            with progress.step("build the Debian 12 tree of the hosts (about 80 s, once)"):
                _build(path)
    return path


def _build(path: Path) -> None:
    building = path.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    include = ",".join(PACKAGES)
    call(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={include}", "bookworm", str(building)],
        timeout_s=1200,
    )
    call(["chroot", str(building), "systemctl", "disable", "--quiet", *DISABLED])
    call(["chroot", str(building), "systemctl", "mask", "--quiet", *MASKED])
    call(
        ["chroot", str(building), "systemctl", "enable", "--quiet", "systemd-networkd.service", "ssh.service"]
    )
    for key in building.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    shutil.copytree(HERE / "tree", building, dirs_exist_ok=True)
    building.rename(path)
