"""A lab: three hosts and a network on this machine. Tests, demo and people share this class."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab import cgroups
from tests.lab.base import ensure_base
from tests.lab.connection import write_connection
from tests.lab.faults import fault as find
from tests.lab.keys import ensure_keys
from tests.lab.machine import Machine
from tests.lab.network import ADDRESSES, Network
from tests.lab.paths import ROOT, cache_dir, lab_id, locked, state_dir
from tests.lab.proc import LabError, call
from tests.lab.progress import Progress
from tests.lab.storage import Storage, choose_place
from tests.lab.wheelhouse import ensure_wheelhouse

QUIET = Progress(quiet=True)
FIRST_INSTANCE = "7860"
TOOLS = ("systemd-nspawn", "mmdebstrap", "ip", "ssh", "socat", "nsenter", "mkfs.ext4")


def cannot_run_here() -> str | None:
    """Return why this machine cannot run a lab, in one sentence, or None when it can."""
    if sys.platform != "linux":
        return "The lab needs Linux: its hosts are systemd-nspawn machines."
    if os.geteuid() != 0:
        return "The lab needs root: it boots real hosts with their own systemd."
    if not cgroups.ROOTS:
        return "The lab needs control groups mounted at /sys/fs/cgroup."
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"The lab needs {', '.join(missing)}; `make setup` installs them."
    return None


class Lab:
    """One lab by its name. Every method may be called again after an interruption."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = lab_id(name)
        self.state = state_dir(name)
        self.network = Network(f"vk-{self.id}")
        self.run_dir = Path("/run") / f"voicekeeper-{self.id}"
        self._group = f"voicekeeper-{self.id}"

    # -- coming and going

    def up(self, progress: Progress = QUIET, start_from: Path | None = None) -> None:
        """Boot every host that isn't running; a failed or interrupted `up` is continued.

        A lab that doesn't exist yet starts from the kept state `start_from`, when one is given.
        """
        reason = cannot_run_here()
        if reason:
            raise LabError(reason)
        with ThreadPoolExecutor(2) as pool:
            building = pool.submit(ensure_base, progress)
            wheelhouse, base, keys = ensure_wheelhouse(progress), building.result(), ensure_keys()
        with self._locked(progress):
            self._place(base, start_from)
            self._same_packages(wheelhouse)
            self.network.up()
            self.run_dir.mkdir(mode=0o700, exist_ok=True)
            write_connection(self.state, self.name, self.network, keys, self.run_dir)
            with progress.step(f"boot {', '.join(ADDRESSES)}"):
                self._start(keys, wheelhouse)
            self._forward()

    def down(self) -> None:
        """Remove all that `up` made, whatever state it is in; what isn't there is no error."""
        with self._locked():
            self._end_connections()
            cgroups.kill(self._group)
            if (self.state / "state.json").exists():
                for machine in self._machines():
                    machine.kill()
                    machine.storage.forget()
                shutil.rmtree(self._read()["place"], ignore_errors=True)
            self.network.down()
            shutil.rmtree(self.run_dir, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    @property
    def stage(self) -> str:
        """What was done to this lab: "" for nothing yet, bare, taken, used, deploying:KEY, deployed:KEY."""
        return str(self._read().get("stage", ""))

    def note(self, stage: str) -> None:
        """Remember what was done to this lab."""
        self._write(stage=stage)

    @property
    def is_up(self) -> bool:
        """Whether every host runs."""
        return (self.state / "state.json").exists() and all(m.leader for m in self._machines())

    # -- hosts

    def host(self, host: str) -> Machine:
        """Return one machine. Raises LabError for a name that isn't in the lab."""
        if host not in ADDRESSES:
            raise LabError(f"no host {host} in the lab; there are {', '.join(ADDRESSES)}")
        if not (self.state / "state.json").exists():
            raise LabError(f"the lab {self.name} isn't up; `python -m tests.lab up {self.name}` boots it")
        return Machine(self.id, host, self.network, self._storage(host), self.state)

    def ports(self) -> dict[str, int]:
        """Return where the lab's services are on 127.0.0.1."""
        path = self.state / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return ports

    def playbook(
        self, playbook: str, *arguments: str, timeout_s: float = 1200
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook of this checkout against the lab; the caller judges its status."""
        return call(self.playbook_command(playbook, *arguments), timeout_s=timeout_s, check=False)

    def playbook_command(self, playbook: str, *arguments: str) -> list[str]:
        """Return the command line a person would type to run a playbook against the lab."""
        program = Path(sys.executable).parent / "ansible-playbook"
        inventories = ["-i", str(ROOT / "inventory" / "lab"), "-i", str(self.state / "connection.yml")]
        at_once = ["-e", '{"rollout_batches": ["100%"]}'] if playbook == "deploy.yml" else []
        return [str(program), *inventories, str(ROOT / playbook), *at_once, *arguments]

    # -- faults

    def break_(self, host: str, fault: str, instance: str | None = None) -> None:
        """Break an instance of a host, the host's first one without `instance`."""
        self.note("used")
        find(fault).break_(self.host(host), instance or FIRST_INSTANCE)

    def heal(self, host: str, fault: str, instance: str | None = None) -> None:
        """Undo a fault, whatever a repair has done meanwhile."""
        find(fault).heal(self.host(host), instance or FIRST_INSTANCE)

    # -- snapshots

    def snapshot(self, label: str) -> None:
        """Keep the state of all hosts under `label`; they shut down and boot again."""
        self.keep(self.state / "snapshots" / label)

    def restore(self, label: str) -> None:
        """Bring all hosts back to the state kept under `label`. Raises LabError for an unknown label."""
        self.take(self.state / "snapshots" / label)

    def reset(self) -> None:
        """Bring all hosts back to the state they started from, or were last kept in."""
        top = Path(self._read()["layers"][0])
        if not (top / "layers.json").exists():
            raise LabError(f"the lab {self.name} was never kept; `deploy` keeps it")
        self.take(top)

    def keep(self, folder: Path) -> None:
        """Keep the state of all hosts in the new folder `folder`."""
        with self._locked():
            if folder.exists():
                raise LabError(f"{folder} exists already")
            keeping = folder.with_name(folder.name + ".keeping")
            shutil.rmtree(keeping, ignore_errors=True)
            self._end_connections()
            self._each(lambda machine: machine.power_off())
            self._each(lambda machine: machine.storage.keep_disk(keeping / machine.host))
            self._each(lambda machine: machine.storage.keep_root(keeping / machine.host))
            (keeping / "layers.json").write_text(json.dumps(self._read()["layers"]))
            keeping.rename(folder)
            self._use_layers(folder)
            self._start_again()

    def take(self, folder: Path) -> None:
        """Bring all hosts to the state kept in `folder`; what they wrote since is gone."""
        if not (folder / "layers.json").exists():
            raise LabError(f"no snapshot {folder.name}")
        with self._locked():
            self._end_connections()
            self._each(lambda machine: machine.kill())
            self._use_layers(folder)
            self._each(lambda machine: machine.storage.take(folder / machine.host))
            self._start_again()

    def _use_layers(self, folder: Path) -> None:
        below = json.loads((folder / "layers.json").read_text())
        self._write(layers=[str(folder), *below])

    def _start_again(self) -> None:
        self._start(ensure_keys(), Path(self._read()["wheelhouse"]))

    # -- inside

    @contextmanager
    def _locked(self, progress: Progress = QUIET) -> Iterator[None]:
        waiting = f"another process works on the lab {self.name}; waiting"
        with locked(self.state.parent / f"{self.name}.lock", lambda: progress.say(waiting)):
            yield

    def _place(self, base: Path, start_from: Path | None) -> None:
        if self.stage:
            self._require_layers()
            return
        candidates = [self.state / "hosts", cache_dir() / "labs" / self.id, Path("/var/tmp") / self._group]
        place = choose_place([*candidates, Path("/run") / self._group])
        self._write(place=str(place), layers=[str(base)])
        if start_from is not None:
            self._use_layers(start_from)
            self._each(lambda machine: machine.storage.take(start_from / machine.host))
        self._write(stage="taken" if start_from else "bare")

    def _require_layers(self) -> None:
        gone = [layer for layer in self._read()["layers"] if not Path(layer).is_dir()]
        if gone:
            raise LabError(f"{gone[0]} is gone from the cache; `python -m tests.lab down {self.name}` first")

    def _same_packages(self, wheelhouse: Path) -> None:
        """Shut the machines down when they read another folder of packages than this one."""
        if self._read().get("wheelhouse") not in {None, str(wheelhouse)}:
            self._end_connections()
            self._each(lambda machine: machine.power_off())
        self._write(wheelhouse=str(wheelhouse))

    def _start(self, keys: Path, wheelhouse: Path) -> None:
        self._each(lambda machine: machine.start(keys, wheelhouse))
        self._each(lambda machine: machine.wait())

    def _storage(self, host: str) -> Storage:
        state = self._read()
        *kept, base = (Path(layer) for layer in state["layers"])
        return Storage(Path(state["place"]) / host, (*(layer / host / "upper" for layer in kept), base))

    def _machines(self) -> list[Machine]:
        return [self.host(host) for host in ADDRESSES]

    def _each(self, work: Callable[[Machine], object]) -> None:
        with ThreadPoolExecutor(len(ADDRESSES)) as pool:
            list(pool.map(work, self._machines()))

    def _forward(self) -> None:
        group = f"{self._group}/forward"
        if cgroups.pids(group):
            return
        state = self.state / "ports.json"
        state.unlink(missing_ok=True)
        command = [
            "setsid",
            "--fork",
            sys.executable,
            "-m",
            "tests.lab.forward",
            group,
            str(self.network.path),
        ]
        with (self.state / "forward.log").open("a") as log:
            subprocess.run([*command, str(state)], stdout=log, stderr=log, cwd=ROOT, check=True)
        deadline = time.monotonic() + 30
        while not state.exists():
            if time.monotonic() > deadline:
                raise LabError(f"the port forwarder did not start; see {self.state / 'forward.log'}")
            time.sleep(0.05)

    def _end_connections(self) -> None:
        """Ansible's shared connections outlive its runs; end those into this lab."""
        for path in self.run_dir.glob("*"):
            call(["ssh", "-O", "exit", "-o", f"ControlPath={path}", "lab"], check=False)

    def _read(self) -> dict[str, Any]:
        path = self.state / "state.json"
        state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return state

    def _write(self, **changes: object) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        temporary = self.state / "state.json.new"
        temporary.write_text(json.dumps(self._read() | changes, indent=1))
        temporary.rename(self.state / "state.json")
