"""Deploy a lab with the real playbook, or take the deployed state that the same content gave before."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.base import base_key
from tests.lab.keys import ensure_keys
from tests.lab.lab import Lab
from tests.lab.paths import HERE, ROOT, cache_dir, content_hash, locked
from tests.lab.proc import LabError
from tests.lab.progress import Progress
from tests.lab.wheelhouse import wheelhouse_key

CONTENT = ("playbooks", "remediator", "tts_app", "inventory", "deploy.yml", "ansible.cfg", "tests/sim")
HARNESS = ("tree", "machine.py", "network.py", "simulations.py", "storage.py")
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
KEPT = 2  # deployed states in the cache; older ones that no lab uses are removed


def deploy_key() -> str:
    """Name everything that a deployed state depends on."""
    paths = [ROOT / name for name in CONTENT] + [HERE / name for name in HARNESS]
    keys = ensure_keys()
    public = sorted(keys.glob("*.pub"))
    return content_hash([*paths, *public, keys / "secrets.json"], base_key(), wheelhouse_key())


def deploy(lab: Lab, progress: Progress, *, check_taken: bool = False) -> None:
    """Bring the lab up and deployed. Raises LabError with the failed task; calling it again goes on.

    A state that this content gave before is taken as it is, and deployed once more with `check_taken`.
    """
    key = deploy_key()
    folder = cache_dir() / f"deployed-{key}"
    start_from = folder if folder.exists() and not lab.stage else None
    if start_from:
        progress.say("take the hosts as this content was deployed before")
    lab.up(progress, start_from)
    if lab.stage == "taken":
        lab.note(f"deployed:{key}")
        if not check_taken:
            return
    if lab.stage == f"deployed:{key}" and not check_taken:
        return
    _run(lab, key, progress)
    if lab.stage == f"deploying:{key}" and key == deploy_key():
        _keep(lab, folder, progress)
    lab.note(f"deployed:{key}")


def recap(output: str) -> dict[str, tuple[int, int, int]]:
    """Return changed, unreachable and failed by host, as a playbook's last lines say."""
    return {
        name: (int(changed), int(gone), int(failed)) for name, changed, gone, failed in RECAP.findall(output)
    }


def _run(lab: Lab, key: str, progress: Progress) -> None:
    """Run the playbook; only a lab that saw nothing but this content's deploy may be kept."""
    if lab.stage in {"bare", f"deploying:{key}"}:
        lab.note(f"deploying:{key}")
    elif lab.stage != f"deployed:{key}":
        lab.note("used")
    log = lab.state / "logs" / "deploy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with progress.step(f"ansible-playbook deploy.yml (all of it in {log.relative_to(ROOT)})"):
        if not run_shown(lab.playbook_command("deploy.yml"), log, progress):
            tail = "\n".join(log.read_text().splitlines()[-40:])
            raise LabError(f"the deploy failed; the same command goes on. Its last lines:\n{tail}")


def run_shown(command: list[str], log: Path, progress: Progress) -> bool:
    """Run Ansible, show its plays as they start, keep all in `log`; return whether it ended well."""
    with log.open("w") as kept:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in _lines(process):
            kept.write(line)
            kept.flush()
            if line.startswith("PLAY ["):
                progress.say("  " + line.removeprefix("PLAY [").split("]")[0])
        return process.wait() == 0


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    with process.stdout:
        yield from process.stdout


def _keep(lab: Lab, folder: Path, progress: Progress) -> None:
    with progress.step("keep the deployed state for the next time"), locked(cache_dir() / "deployed.lock"):
        if not folder.exists():
            lab.keep(folder)
        _forget_older(folder)


def _forget_older(current: Path) -> None:
    used = Path("/proc/mounts").read_text()
    kept = sorted(cache_dir().glob("deployed-????????????????"), key=lambda path: -path.stat().st_mtime)
    for path in kept[KEPT:]:
        if path != current and str(path) not in used:
            shutil.rmtree(path)
