"""Put the simulated parts on the hosts: `nvidia-smi`, conda, the WeChat robot, the mailbox."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

from tests.lab.keys import lab_secrets
from tests.lab.paths import ROOT
from tests.lab.proc import call
from tests.sim.conda.prefix import make_prefix

SIM = ROOT / "tests" / "sim"
GPU_FOLDER = "var/lib/sim-gpu"
UUID = "GPU-00000000-0000-0000-0000-000000000{}"
CONDA = Path("/opt/miniconda3")
CONDA_CHANNEL = Path("/opt/lab-conda-channel")
CONDA_HOSTS = ("gpu02",)  # where an instance of engine glm runs
HOST_PYTHON = ("/usr/bin/python3.11", "3.11.2")  # Debian 12's
DEVICES = {"gpu01": ("101", "102"), "gpu02": ("201",)}
START = "import sys\nfrom nvidia_smi.program import main\nsys.exit(main(sys.argv[1:]))\n"
UNIT = """[Unit]
Description=Simulated {what}
[Service]
WorkingDirectory=/opt/lab-sim
Environment=JOURNAL=/var/lib/lab-sim/{module}.jsonl
ExecStart=/usr/bin/python3 -m sim.{module} --host 0.0.0.0 --journal ${{JOURNAL}} {arguments}
StateDirectory=lab-sim
Restart=always
[Install]
WantedBy=multi-user.target
"""
SERVICES = {
    "wecom": ("WeChat Work robot", "--port 8026 --keys-file /opt/lab-sim/robot-keys"),
    "mailbox": ("mailbox", "--port 8025 --smtp-port 2525"),
}


def install(root: Path, host: str) -> None:
    """Install what `host` needs below its root folder; a state that is there stays."""
    if host in DEVICES:
        _install_gpu(root, host)
        if host in CONDA_HOSTS:
            _install_conda(root)
    else:
        _install_services(root)


def nvidia_smi_program() -> bytes:
    """Return the simulated `nvidia-smi` as one executable file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", START)
        for path in sorted((SIM / "nvidia_smi").glob("*.py")):
            archive.write(path, f"nvidia_smi/{path.name}")
    return b"#!/usr/bin/python3 -sE\n" + packed.getvalue()


def _install_gpu(root: Path, host: str) -> None:
    program = root / "usr/local/bin/nvidia-smi"
    program.write_bytes(nvidia_smi_program())
    program.chmod(0o755)
    folder = root / GPU_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.json"
    if not state.exists():
        gpus = [
            {"uuid": UUID.format(number), "index": index, "pci": f"00000000:{0x1A + index:02X}:00.0"}
            for index, number in enumerate(DEVICES[host])
        ]
        state.write_text(json.dumps({"gpus": gpus}, indent=1))


def _install_conda(root: Path) -> None:
    """A conda that was there before, and the channel it reads; the channel is made in a process of its own."""
    channel = root / CONDA_CHANNEL.relative_to("/")
    if not (channel / "noarch" / "repodata.json").exists():
        shutil.rmtree(channel, ignore_errors=True)
        make = [sys.executable, "-m", "tests.sim.conda.channel", str(channel), *HOST_PYTHON]
        call(make, timeout_s=120, env=os.environ | {"PYTHONPATH": str(ROOT)})
    prefix = root / CONDA.relative_to("/")
    if not (prefix / "bin" / "conda").exists():
        shutil.rmtree(prefix, ignore_errors=True)
        make_prefix(CONDA, Path("/usr/bin/python3"), carry=True, root=root)


def _install_services(root: Path) -> None:
    top = root / "opt/lab-sim"
    shutil.rmtree(top, ignore_errors=True)
    ignore = shutil.ignore_patterns("__pycache__", "nvidia_smi", "glm_tts", "conda")
    shutil.copytree(SIM, top / "sim", ignore=ignore)
    (top / "robot-keys").write_text(lab_secrets()["robot_key"] + "\n")
    units = root / "etc/systemd/system"
    for module, (what, arguments) in SERVICES.items():
        name = f"lab-{module}.service"
        (units / name).write_text(UNIT.format(what=what, module=module, arguments=arguments))
        link = units / "multi-user.target.wants" / name
        if not link.is_symlink():
            link.symlink_to(f"../{name}")
