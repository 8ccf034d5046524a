"""Forward ports of 127.0.0.1 into a lab: `python -m tests.lab.forward CGROUP NETNS STATE_FILE`.

Listens here, then moves into the lab's network namespace: sockets that listen already stay here, and every
connection made afterwards starts there.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from tests.lab import cgroups
from tests.lab.network import ADDRESSES

# What -> (host, port there, first port to try here).
TARGETS = {
    "status": ("control", 8686, 8686),
    "speech gpu01:7860": ("gpu01", 7860, 7860),
    "speech gpu01:7861": ("gpu01", 7861, 7861),
    "speech gpu02:7860": ("gpu02", 7860, 7862),
    "prometheus": ("control", 9090, 9090),
    "alertmanager": ("control", 9093, 9093),
    "mailbox": ("control", 8025, 8025),
    "wecom": ("control", 8026, 8026),
}
CLONE_NEWNET = 0x40000000


def listen(first: int, taken: set[int]) -> socket.socket:
    """Return a socket that listens on the first free port from `first` on."""
    for port in range(first, first + 200):
        if port in taken:
            continue
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            server.bind(("127.0.0.1", port))
            server.listen(64)
            return server
        server.close()
    raise SystemExit(f"no free port from {first} on")


def enter(namespace: Path) -> None:
    """Move this thread into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(65536):
            writer.write(block)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def _serve(server: socket.socket, host: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(ADDRESSES[host], port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    listening = await asyncio.start_server(connected, sock=server)
    await listening.serve_forever()


async def _serve_all(servers: dict[str, socket.socket]) -> None:
    await asyncio.gather(*(_serve(server, *TARGETS[what][:2]) for what, server in servers.items()))


def main() -> None:
    """Listen, say where in the state file, move into the namespace, forward until killed."""
    group, namespace, state = sys.argv[1:4]
    for root in cgroups.ROOTS:
        (root / group).mkdir(parents=True, exist_ok=True)
        (root / group / "cgroup.procs").write_text(str(os.getpid()))
    servers: dict[str, socket.socket] = {}
    taken = {first for _, _, first in TARGETS.values()}
    for what, (_, _, first) in TARGETS.items():
        servers[what] = listen(first, taken - {first})
    enter(Path(namespace))
    ports = {what: server.getsockname()[1] for what, server in servers.items()}
    temporary = Path(state + ".new")
    temporary.write_text(json.dumps(ports))
    temporary.rename(state)
    asyncio.run(_serve_all(servers))


if __name__ == "__main__":
    main()
