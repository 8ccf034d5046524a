"""The roles apt_sources and timezone: played for real over a copy of this machine's /etc that is thrown away."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest

from tests.playbooks.provisioning import ROOT, Played, play_role

ROLE = ROOT / "playbooks/roles/apt_sources"
TUNA = "https://mirrors.tuna.tsinghua.edu.cn"
NOWHERE = "http://127.0.0.1:1/debian"
APART = """
set -e
out=$1; shift
mount -t tmpfs none "$out/over"
for folder in etc var/lib/apt var/cache/apt; do
  over=$out/over/$folder
  mkdir -p "$over/upper" "$over/work"
  mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$over/upper,workdir=$over/work" "/$folder"
done
"$@" >"$out/first" 2>&1 || { rc=$?; cat "$out/first"; cp -a /etc/apt "$out/"; exit $rc; }
"$@"
cp -a /etc/apt /etc/timezone /etc/localtime "$out/"
date +%z >"$out/offset"
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >>"$STAND_IN/systemctl"
echo LoadState=loaded
echo ActiveState=active
"""
apart = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root"),
    pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="not Debian"),
]


def play_apart(role: str, folder: Path, **variables: Any) -> Played:
    """Play the role twice in a mount namespace of its own; the result is the second play's, or the failed first."""
    (folder / "over").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin/systemctl").write_text(SYSTEMCTL)
    (folder / "bin/systemctl").chmod(0o755)
    within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", APART, "sh", str(folder)]
    within += ["env", f"STAND_IN={folder}", f"PATH={folder}/bin:{os.environ['PATH']}"]
    return play_role(role, folder, within=within, **variables)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt here")
def test_apt_reads_the_sources_as_they_are_meant(tmp_path: Path) -> None:
    template = jinja2.Environment(trim_blocks=True, autoescape=False).from_string(
        (ROLE / "templates/debian.sources.j2").read_text()
    )
    text = template.render(
        ansible_managed="x",
        apt_sources_mirror=f"{TUNA}/debian",
        apt_sources_security_mirror=f"{TUNA}/debian-security",
        apt_sources_components=["main", "non-free-firmware"],
        apt_sources_keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
        __apt_sources_suite="bookworm",
    )
    (tmp_path / "debian.sources").write_text(text)
    ask = ["apt-get", "-o", "Dir::Etc::SourceList=/dev/null", "-o", f"Dir::Etc::SourceParts={tmp_path}"]
    form = [
        "indextargets",
        "--no-release-info",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]
    said = subprocess.run([*ask, *form], check=True, capture_output=True, text=True, timeout=60)
    assert said.stderr == ""
    assert set(said.stdout.splitlines()) == {
        f"{TUNA}/{place} {component}"
        for place in (
            "debian/ bookworm",
            "debian/ bookworm-updates",
            "debian-security/ bookworm-security",
        )
        for component in ("main", "non-free-firmware")
    }


@pytest.mark.parametrize("role", ["apt_sources", "timezone"])
@pytest.mark.slow
def test_nothing_is_touched_unless_it_is_asked_for(tmp_path: Path, role: str) -> None:
    done = play_role(role, tmp_path)
    assert (done.code, done.changed) == (0, 0), done.said


@pytest.mark.parametrize("marks", [pytest.param(None, marks=apart)])
def test_the_time_zone_is_set_once_and_cron_hears_of_it(tmp_path: Path, marks: None) -> None:
    second = play_apart("timezone", tmp_path, timezone_name="Asia/Shanghai")
    assert (second.code, second.changed) == (0, 0), second.said
    assert (tmp_path / "localtime").readlink() == Path("/usr/share/zoneinfo/Asia/Shanghai")
    assert (tmp_path / "timezone").read_text() == "Asia/Shanghai\n"
    assert (tmp_path / "offset").read_text() == "+0800\n"
    assert "restart cron.service" in (tmp_path / "systemctl").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Asia/Nowhere", "../../etc/passwd"])
def test_a_time_zone_that_the_host_does_not_know_is_refused(tmp_path: Path, name: str) -> None:
    refused = play_role("timezone", tmp_path, timezone_name=name)
    assert refused.code != 0
    assert "timezone_name" in refused.said
    assert refused.changed == 0


@pytest.mark.parametrize("marks", [pytest.param(None, marks=apart)])
def test_a_mirror_that_does_not_answer_leaves_the_sources_as_they_were(tmp_path: Path, marks: None) -> None:
    before = {path.name: path.read_text() for path in Path("/etc/apt/sources.list.d").glob("*.sources")}
    failed = play_apart("apt_sources", tmp_path, apt_sources_mirror=NOWHERE)
    assert failed.code != 0
    assert "apt cache" in failed.said, "it failed for another reason"
    assert "Look at apt_sources_mirror" in failed.said
    after = {path.name: path.read_text() for path in (tmp_path / "apt/sources.list.d").glob("*.sources")}
    assert after == before


@pytest.mark.parametrize("marks", [pytest.param(None, marks=apart)])
def test_a_mirror_that_answers_is_used_instead_of_debians_servers(tmp_path: Path, marks: None) -> None:
    reach = [
        "curl",
        "-sfI",
        "-m",
        "10",
        "-o",
        "/dev/null",
        "http://deb.debian.org/debian/dists/bookworm/InRelease",
    ]
    if subprocess.run(reach, check=False).returncode:
        pytest.skip("no mirror of Debian in reach")
    mirrors = {
        "apt_sources_mirror": "http://deb.debian.org/debian",
        "apt_sources_security_mirror": "http://deb.debian.org/debian-security",
    }
    second = play_apart("apt_sources", tmp_path, **mirrors)
    assert (second.code, second.changed) == (0, 0), second.said
    assert (
        "URIs: http://deb.debian.org/debian\n" in (tmp_path / "apt/sources.list.d/debian.sources").read_text()
    )
