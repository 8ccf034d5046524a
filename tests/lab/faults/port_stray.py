"""A process with the service's own user and command line, but outside its unit, has the port."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, background, end, start_again, unit, wait_until
from tests.lab.machine import Machine

# It waits for the port beforehand: the real program takes seconds to start, and a repair would be faster.
LISTEN = """
import signal, socket, sys, time
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    while True:
        try:
            listener.bind(("0.0.0.0", int(sys.argv[-1])))
            break
        except OSError:
            time.sleep(0.02)
    listener.listen()
    signal.pause()
"""


def break_(machine: Machine, port: str) -> None:
    """Let the stray wait for the port, stop the unit, start it in vain."""
    folder = f"/run/lab-stray-{port}"
    machine.run(["mkdir", "-p", folder])
    machine.run(["tee", f"{folder}/tts_app.py"], text=LISTEN)
    user = machine.run(["systemctl", "show", "--property=User", "--value", unit(port)]).stdout.strip()
    program = ["python3", "-m", "tts_app", "serve", "--port", port]
    background(
        machine, f"lab-stray-{port}", f"--uid={user}", f"--working-directory={folder}", command=program
    )
    machine.run(["systemctl", "stop", unit(port)], timeout_s=120)
    taken = ["ss", "--no-header", "--listening", "--tcp", f"sport = :{port}"]
    wait_until(lambda: machine.run(taken).stdout != "", f"the stray's listener on {port}")
    machine.run(["systemctl", "start", "--no-block", unit(port)])


def heal(machine: Machine, port: str) -> None:
    """End the stray and start the unit."""
    end(machine, f"lab-stray-{port}")
    machine.run(["rm", "-rf", f"/run/lab-stray-{port}"])
    start_again(machine, port)


FAULT = Fault(
    "port_stray", "the service's own user and command, outside its unit, has its port", break_, heal
)
