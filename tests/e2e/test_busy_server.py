"""A batch through a real speech server that is busy at first: it waits as told, and no item fails."""

import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
STEP_TIMEOUT_S = 240.0


def speech():
    out = io.BytesIO()
    soundfile.write(out, 0.2 * np.sin(np.arange(24000) * 0.06), 24000, format="WAV")
    return out.getvalue()


@pytest.fixture
def server():
    """Refuses the first request with 429, the second with 503, and speaks from then on."""
    refusals, asked = [429, 503], []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, b"{}")

        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"])
            self.answer(refusals.pop(0), b"busy") if refusals else self.answer(200, speech())

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked = asked
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.slow
def test_a_batch_waits_for_a_busy_server_and_loses_nothing(server, tmp_path):
    tasks = [{"output_name": f"t{n}", "input_text": text} for n, text in enumerate(["你好", "再见"])]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)), "utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("TTS_")} | {
        "TTS_ENGINE": "openai",
        "TTS_OPENAI_URL": f"http://127.0.0.1:{server.server_port}",
        "TTS_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tts_app", "batch", "tasks.jsonl", "out"],
        cwd=tmp_path, env=env, timeout=STEP_TIMEOUT_S, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout.decode() + ended.stderr.decode()
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["t0.wav", "t1.wav"]
    assert server.asked == ["你好", "你好", "你好", "再见"]
