"""What the stand-in is told to do (SIM_GLM_CONTROL) and what it saw (SIM_GLM_REPORT)."""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

import torch

OOM_TEXT = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.06 GiB is "
    "free. Process 4242 has 22.57 GiB memory in use."
)
ASSERT_TEXT = (
    "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported at some other "
    "API call, so the stacktrace below might be incorrect."
)
ILLEGAL_TEXT = "CUDA error: an illegal memory access was encountered"

seen = {
    "loads": 0,
    "texts": 0,
    "pieces": 0,
    "empty_cache": 0,
    "outside_inference_mode": 0,
    "used_caches": 0,  # texts that did not bring a cache of their own
    "pid": os.getpid(),
}
leaked: list[torch.Tensor] = []
_met: dict[str, int] = {}  # how often each order was met by this process
_dead_context: list[str] = []


def _control_text() -> str:
    path = os.environ.get("SIM_GLM_CONTROL")
    try:
        return Path(path).read_text("utf-8") if path else "{}"
    except FileNotFoundError:
        return "{}"


_AT_START = _control_text()


def control() -> dict:
    """Return the orders that apply to this process now."""
    text = _control_text()
    try:
        orders = json.loads(text)
    except ValueError:
        return {}  # being written
    if orders.get("until") == "new_worker" and text == _AT_START:
        return {}
    if orders.get("parent") not in {None, os.getppid()}:
        return {}
    return orders


def fault() -> str | None:
    """Return the fault the next text meets, counting it per order."""
    orders = control()
    name, order = orders.get("fault"), json.dumps(orders, sort_keys=True)
    if name is None or _met.get(order, 0) >= orders.get("times", sys.maxsize):
        return None
    _met[order] = _met.get(order, 0) + 1
    return str(name)


def report() -> None:
    """Write what was seen so far."""
    path = os.environ.get("SIM_GLM_REPORT")
    if path:
        draft = Path(f"{path}.{os.getpid()}")
        draft.write_text(json.dumps(seen), "utf-8")
        draft.replace(path)


def watch_empty_cache() -> None:
    """Count the calls of torch.cuda.empty_cache; after a dead context it fails as CUDA's does."""
    real = torch.cuda.empty_cache

    def counted() -> None:
        seen["empty_cache"] += 1
        report()
        check_context()
        real()

    torch.cuda.empty_cache = counted


def check_context() -> None:
    """Fail as every CUDA call does once the context is dead."""
    if _dead_context:
        raise RuntimeError(_dead_context[0])


def check_mode() -> None:
    """Notice work outside torch.inference_mode: there it would keep gradients."""
    if not torch.is_inference_mode_enabled():
        seen["outside_inference_mode"] += 1
        report()
        raise AssertionError("called outside torch.inference_mode")


def hang() -> None:
    """Never come back."""
    while True:
        time.sleep(3600)


def meet(name: str | None) -> None:
    """Let the fault happen, where it happens in the process as a whole."""
    if name == "oom":
        raise torch.OutOfMemoryError(OOM_TEXT)
    if name in {"device_assert", "illegal_access"}:
        _dead_context.append(ASSERT_TEXT if name == "device_assert" else ILLEGAL_TEXT)
        check_context()
    if name == "hang":
        hang()
    if name == "segfault":
        ctypes.string_at(0)
    if name == "exit":
        os._exit(3)
    if name == "leak":
        leaked.append(torch.ones(int(control().get("leak_mb", 32) * 250_000)))
