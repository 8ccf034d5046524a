"""More people ask for speech than the service can give: its queue is really full of long texts."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, background, end, must_be_active
from tests.lab.machine import Machine

AT_ONCE = 14
CROWD = """
import json, sys, threading, time, urllib.error, urllib.request
url = f"http://127.0.0.1:{sys.argv[1]}/v1/audio/speech"
text = "今天天气很好，我们一起去公园散步吧。" * 16
body = json.dumps({"input": text, "model": "tts-1", "voice": "default"}).encode()
def ask():
    while True:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=600).read()
        except (OSError, urllib.error.URLError):
            time.sleep(1)
for _ in range(int(sys.argv[2])):
    threading.Thread(target=ask).start()
"""


def break_(machine: Machine, port: str) -> None:
    """Ask for long texts from many sides at once, again and again."""
    must_be_active(machine, port)
    command = ["python3", "-c", CROWD, port, str(AT_ONCE)]
    background(machine, f"lab-crowd-{port}", "--uid=nobody", command=command)


def heal(machine: Machine, port: str) -> None:
    """Send the crowd home."""
    end(machine, f"lab-crowd-{port}")


FAULT = Fault("overloaded", "the queue really full: long texts asked for from many sides", break_, heal)
