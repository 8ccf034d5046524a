"""What an engineer will want to see tomorrow, taken before a repair destroys it: one bounded archive."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import time
from pathlib import Path
from typing import Any, Callable

from glmtts_remedy import commands, examine, logs, proc, units
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError
from glmtts_remedy.probes import Question, ask_all

LARGEST_PART = 512 << 10
LARGEST_ARCHIVE = 2 << 20
PART_TIMEOUT_S = 15.0
SECRETS = re.compile(
    r"(?i)(authorization:\s*(?:bearer|basic)\s+|bearer\s+|"
    r"(?:key|token|secret|passw(?:or)?d|corpsecret|access_token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
)


def capture(config: Config, instance: Instance) -> dict[str, Any]:
    """Collect stacks, logs, unit and driver state; return them as a base64 tar.gz, secrets blacked out."""
    answers = ask_all({name: Question(ask, PART_TIMEOUT_S) for name, ask in _parts(config, instance).items()})
    token = _token(config)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, answer in answers.items():
            text = answer.value if answer.value is not None else f"not collected: {answer.state}\n"
            _add(tar, name, redacted(text[-LARGEST_PART:], token))
    data = buffer.getvalue()
    if len(data) > LARGEST_ARCHIVE:
        raise HelperError(f"the archive is too large: {len(data)} bytes")
    return {
        "archive": base64.b64encode(data).decode(),
        "size_b": len(data),
        "parts": {name: answer.state for name, answer in answers.items()},
    }


def redacted(text: str, *known: str) -> str:
    """Black out what looks like a secret, and every secret that is known."""
    for secret in known:
        if len(secret) >= 8:
            text = text.replace(secret, "[removed]")
    return SECRETS.sub(r"\1[removed]", text)


def _parts(config: Config, instance: Instance) -> dict[str, Callable[[], str]]:
    folder = Path(config.log_dir) / str(instance.port)
    return {
        "evidence.json": lambda: json.dumps(examine.evidence(config), indent=1, ensure_ascii=False),
        "stacks.txt": lambda: stacks(config, instance),
        "error.log": lambda: "\n".join(logs.tail(folder / "error.log", LARGEST_PART)),
        "access.log": lambda: "\n".join(logs.tail(folder / "access.log", LARGEST_PART)),
        "journal.txt": lambda: _said("journalctl", "-u", instance.unit, "-b", "-n", "1000", "--no-pager"),
        "unit.txt": lambda: _said("systemctl", "show", "--", instance.unit),
        "nvidia-smi.txt": lambda: _said(config.nvidia_smi, "-q"),
        "kernel.txt": lambda: _kernel(config),
        "processes.txt": lambda: _said(
            "ps", "-eo", "pid,ppid,user,stat,wchan:20,rss,etimes,args", "--sort=-rss"
        ),
    }


def stacks(config: Config, instance: Instance) -> str:
    """Where every thread of the unit's processes is: Python frames by py-spy, else the kernel's view."""
    state = units.states([instance.unit])[instance.unit]
    main = state["main_pid"]
    if not main:
        return "the unit has no process\n"
    ours = [pid for pid in proc.pids() if proc.instance_of(pid) == str(instance.port)]
    return "\n".join(_stack(config, pid) for pid in sorted(ours) or [int(str(main))])


def _stack(config: Config, pid: int) -> str:
    head = f"== {pid} {proc.cmdline(pid)}\n"
    if Path(config.py_spy).exists():
        result = commands.run([config.py_spy, "dump", "--nonblocking", "--pid", str(pid)], 10)
        if result.rc == 0:
            return head + result.out
        head += f"py-spy: {result.said}\n"
    return head + "".join(_thread(task) for task in sorted((proc.PROC / str(pid) / "task").glob("*")))


def _thread(task: Path) -> str:
    try:
        where = (task / "stack").read_text(encoding="utf-8", errors="replace").strip().replace("\n", " < ")
        waits = (task / "wchan").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"{task.name}: {error.strerror}\n"
    return f"{task.name}: {waits} {where}\n"


def _kernel(config: Config) -> str:
    if config.kernel_log == "dmesg":
        return _said("dmesg", "--time-format", "iso")
    return "\n".join(logs.tail(Path(config.kernel_log), LARGEST_PART))


def _said(*argv: str) -> str:
    result = commands.run(list(argv), PART_TIMEOUT_S - 2)
    return f"{result.out}{result.err}"


def _token(config: Config) -> str:
    try:
        return Path(config.admin_token_file).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _add(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    member = tarfile.TarInfo(f"capture/{name}")
    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(data))
