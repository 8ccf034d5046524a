"""A service that others deployed is looked at, restarted and cleaned up by what the inventory says of it; no more."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from glmtts_remedy import adopted, examine, logs, ports, proc, purge, scan_logs, speak, units
from glmtts_remedy.adopted import Adopted
from glmtts_remedy.cli import main
from glmtts_remedy.config import Config, Instance, from_json
from glmtts_remedy.errors import HelperError
from glmtts_remedy.verbs import VERBS

from tests.unit.helper.test_cli import _smallest_arguments
from tests.unit.helper.test_speak import wav

OFFERED = {"examine", "speak", "restart", "purge", "scan-logs", "lease", "maintenance"}
SEVEN_DAYS = purge.Rules(keep_days=7, keep_newest=0, target_free_pct=None, dry_run=False)


class Page(http.server.BaseHTTPRequestHandler):
    """Somebody else's Gradio page, as far as its protocol goes."""

    healthy: ClassVar[bool] = True
    prefix: ClassVar[str] = "/gradio_api"
    event: ClassVar[str] = "complete"
    sound: ClassVar[bytes] = b""
    seen: ClassVar[list[tuple[str, bytes]]] = []

    def do_GET(self) -> None:
        if self.path == "/config":
            self._send(json.dumps({"api_prefix": self.prefix} if self.prefix else {"version": "4"}).encode())
        elif self.path == f"{self.prefix}/call/say/job1":
            data = json.dumps([{"path": "/tmp/gradio/a b.wav", "meta": {"_type": "gradio.FileData"}}])
            self._send(f"event: heartbeat\ndata: null\n\nevent: {self.event}\ndata: {data}\n\n".encode())
        elif self.path == f"{self.prefix}/file=/tmp/gradio/a%20b.wav":
            self._send(self.sound)
        else:
            self._send(b"<html>", 200 if self.healthy else 500)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, body))
        upload = self.path == f"{self.prefix}/upload"
        self._send(json.dumps(["/tmp/gradio/voice.wav"] if upload else {"event_id": "job1"}).encode())

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def page(monkeypatch) -> Iterator[int]:
    monkeypatch.setattr(Page, "seen", [])
    monkeypatch.setattr(Page, "sound", wav(1.0, rate=44100))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def taken(config: Config, port: int = 7860, **changes: Any) -> Config:
    """Return the host with one service of others on `port`."""
    instance = Instance(port, adopted=Adopted(**{"unit": "old.service", **changes}))
    return replace(config, instances={str(port): instance})


def one(config: Config) -> Instance:
    return next(iter(config.instances.values()))


# -- what is said about it


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param(None, "must be a table", id="nothing"),
        pytest.param({}, "unit: is missing", id="no unit"),
        pytest.param({"unit": "ssh"}, "service unit", id="no service unit"),
        pytest.param({"unit": "a.service b.service"}, "service unit", id="two units"),
        pytest.param({"unit": "--all.service"}, "service unit", id="an option"),
        pytest.param({"unit": "a.service", "colour": 1}, "unknown: colour", id="an unknown name"),
        pytest.param({"unit": "a.service", "health_path": "x"}, "health_path", id="a relative path"),
        pytest.param({"unit": "a.service", "health_path": "/a b"}, "health_path", id="two words"),
        pytest.param({"unit": "a.service", "log_files": ["a.log"]}, "log_files", id="a relative log"),
        pytest.param({"unit": "a.service", "process_pattern": "("}, "process_pattern", id="no pattern"),
        pytest.param({"unit": "a.service", "outputs_dir": "/root"}, "outputs_dir", id="a whole home"),
        pytest.param({"unit": "a.service", "outputs_dir": "/var/lib"}, "outputs_dir", id="a system folder"),
        pytest.param({"unit": "a.service", "outputs_dir": "/a/b/../../etc"}, "outputs_dir", id="a way up"),
        pytest.param({"unit": "a.service", "gradio_api": "../x"}, "gradio_api", id="a path as endpoint"),
    ],
)
def test_what_nobody_can_mean_is_named(said, problem):
    with pytest.raises(ValueError, match=problem):
        adopted.read(said)


def test_the_settings_of_the_role_are_read():
    said = {"unit": "old.service", "log_files": ["/var/log/old.log"], "gradio_inputs": ["{text}", 3]}
    config = from_json({"instances": {"7860": {"adopted": said}}})
    assert (config.adopted, config.units) == (True, {"old.service": "7860"})
    assert (one(config).unit, one(config).health_path) == ("old.service", "/")
    assert one(config).adopted.gradio_inputs == ("{text}", 3)


# -- what is offered


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_other_verb_is_refused(verb, config, config_file, capsys, monkeypatch):
    raw = json.loads(config_file.read_text())
    raw["instances"]["7860"]["adopted"] = {"unit": "old.service"}
    config_file.write_text(json.dumps(raw))
    acted = []
    monkeypatch.setitem(
        VERBS, verb, replace(VERBS[verb], act=lambda *_: acted.append(verb) or {}, changes=False)
    )
    code = main(_smallest_arguments(verb), config_file)
    said = json.loads(capsys.readouterr().out)
    if verb in OFFERED:
        assert (code, acted) == (0, [verb])
    else:
        assert (code, acted) == (4, [])
        assert "only restart and purge" in said["error"]


# -- verification


def test_without_an_api_it_answers_and_that_is_said_not_to_be_speech(config, page):
    answer = speak.speak(config, one(taken(config, page)), None, None)
    assert (answer["spoken"], answer["answered"], answer["proof"]) == (False, True, "http")
    assert "not proved by speech" in answer["note"]


def test_a_sick_page_is_no_answer(config, page, monkeypatch):
    monkeypatch.setattr(Page, "healthy", False)
    with pytest.raises(HelperError, match="http_error 500"):
        speak.speak(config, one(taken(config, page)), None, None)


@pytest.mark.parametrize("prefix", ["/gradio_api", ""], ids=["as since version 5", "as before"])
def test_a_page_with_an_api_has_to_speak(config, page, tmp_path, monkeypatch, prefix):
    monkeypatch.setattr(Page, "prefix", prefix)
    (tmp_path / "voice.wav").write_bytes(b"RIFF")
    inputs = ("Say: {text}", {"upload": str(tmp_path / "voice.wav")}, 42)
    host = taken(config, page, gradio_api="say", gradio_inputs=inputs)
    answer = speak.speak(host, one(host), "你好", 24000)
    assert (answer["spoken"], answer["proof"], answer["sample_rate"]) == (True, "speech", 44100)
    (upload, form), (call, body) = Page.seen
    assert (upload, call) == (f"{prefix}/upload", f"{prefix}/call/say")
    assert b'filename="voice.wav"' in form and b"RIFF" in form
    said, file, number = json.loads(body)["data"]
    assert (said, file["path"], number) == ("Say: 你好", "/tmp/gradio/voice.wav", 42)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"event": "error"}, "say of the page failed: error", id="it fails"),
        pytest.param({"sound": wav(1.0, level=0.0)}, "silent", id="it is silent"),
        pytest.param({"sound": b"<html>"}, "no WAV", id="it is no sound"),
    ],
)
def test_a_page_that_does_not_speak_is_no_proof(config, page, monkeypatch, change, problem):
    for name, value in change.items():
        monkeypatch.setattr(Page, name, value)
    host = taken(config, page, gradio_api="say")
    with pytest.raises(HelperError, match=problem):
        speak.speak(host, one(host), None, None)


def test_a_voice_that_is_not_there_is_named(config, page):
    host = taken(config, page, gradio_api="say", gradio_inputs=({"upload": "/no/voice.wav"},))
    with pytest.raises(HelperError, match=r"/no/voice\.wav cannot be read"):
        speak.speak(host, one(host), None, None)


@pytest.mark.slow
def test_a_real_page_speaks(config, tmp_path):
    """The protocol of the page above is the real one: Gradio of the lock, with a file to imitate."""
    (tmp_path / "voice.wav").write_bytes(wav(0.5))
    (tmp_path / "app.py").write_text(GRADIO)
    started = subprocess.Popen([sys.executable, "app.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        port = int(started.stdout.readline())
        inputs = ("{text}", {"upload": str(tmp_path / "voice.wav")})
        host = taken(config, port, gradio_api="say", gradio_inputs=inputs)
        units.await_answer(one(host), time.monotonic() + 120)
        answer = speak.speak(host, one(host), "1234", None)
        assert (answer["spoken"], answer["duration_s"]) == (True, 4.0)
        with pytest.raises(HelperError, match="of the page"):
            broken = taken(config, port, gradio_api="gone")
            speak.speak(broken, one(broken), None, None)
    finally:
        started.kill()
        started.communicate()


GRADIO = """
import os, socket, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio, numpy
with socket.socket() as found:
    found.bind(("127.0.0.1", 0))
    port = found.getsockname()[1]
def say(text, voice):
    head = open(voice, "rb").read(4)
    beep = 8000 * numpy.sin(numpy.arange(len(text) * 24000) / 10)
    return (24000, beep.astype("int16")) if head == b"RIFF" else None
with gradio.Blocks() as page:
    said, voice, sound = gradio.Textbox(), gradio.File(), gradio.Audio()
    gradio.Button().click(say, [said, voice], sound, api_name="say")
print(port, flush=True)
page.launch(server_name="127.0.0.1", server_port=port, quiet=True)
"""


# -- looking at it


def test_evidence_goes_by_its_unit_its_page_and_its_logs(config, page, program, tmp_path, monkeypatch):
    monkeypatch.setattr(examine, "STATUS_TIMEOUT_S", 10)
    program("systemctl", "printf 'Id=old.service\\nActiveState=active\\nMainPID=1\\n'")
    program("journalctl", ":")
    program("nvidia-smi", "echo '<x></x>'")
    (tmp_path / "old.log").write_text("2026-11-27 09:00:00,123 ERROR CUDA out of memory\n  more\n")
    host = taken(config, page, log_files=(str(tmp_path / "old.log"),), outputs_dir=str(tmp_path))
    found = examine.evidence(host)["instances"][str(page)]
    assert (found["unit"], found["health"]["outcome"], found["ready"]) == ("old.service", "ok", None)
    assert [line["text"] for line in found["log_lines"]] == [
        "2026-11-27 09:00:00,123 ERROR CUDA out of memory",
        "  more",
    ]
    assert found["log_files"] == [{"name": "old.log", "size_b": 56}]


def test_times_without_a_zone_are_the_hosts_own(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        (line,) = logs.dated_lines(["2026-11-27 09:00:00,123 ERROR x"], "old.log", local=True)
        assert line["time"] == "2026-11-27T01:00:00.123Z"
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


@pytest.mark.parametrize(
    ("age_s", "active", "outcome", "loads"),
    [
        pytest.param(10, "active", "refused", True, id="young and silent: it loads"),
        pytest.param(400, "active", "refused", False, id="older than a start may last"),
        pytest.param(10, "active", "ok", False, id="young and well"),
        pytest.param(10, "failed", "refused", False, id="ended again"),
    ],
)
def test_a_service_that_cannot_say_so_is_taken_to_load_as_long_as_a_start_may_last(
    config, age_s, active, outcome, loads
):
    host = replace(taken(config), start_timeout_s=300)
    state = {"active": active, "started_at": logs.utc_text(time.time() - age_s)}
    ready = examine._ready(host, one(host), state, {"outcome": outcome}, {})
    assert (ready is not None) == loads
    assert not loads or ready["body"]["reason"] == "loading"


def test_the_process_is_the_one_that_is_meant_not_its_wrapper(config, monkeypatch):
    host = taken(config, process_pattern=r"GLM-TTS/app\.py")
    lines = {41: "sh start.sh", 42: "python /root/GLM-TTS/app.py", 43: "python /root/GLM-TTS/app.py"}
    monkeypatch.setattr(proc, "pids", lambda: iter(lines))
    monkeypatch.setattr(proc, "cmdline", lambda pid: lines[pid])
    monkeypatch.setattr(proc, "instance_of", lambda pid, units: "7860" if pid != 43 else None)
    assert examine._main_pid(host, one(host), {"main_pid": 41}) == 42
    del lines[42]
    assert examine._main_pid(host, one(host), {"main_pid": 41}) is None, "the wrapper alone is no service"


def test_a_stray_copy_is_told_from_other_programs_by_its_pattern(config, monkeypatch):
    me = os.getpid()
    host = replace(taken(config), user=proc.user_of(me))
    assert not ports.is_stray(host, me), "without a pattern nobody can tell"
    monkeypatch.setattr(proc, "cmdline", lambda pid: "python /root/GLM-TTS/app.py")
    assert ports.is_stray(replace(host, **vars_of(host, process_pattern=r"app\.py$")), me)
    assert not ports.is_stray(replace(host, **vars_of(host, process_pattern="nginx")), me)


def vars_of(host: Config, **changes: Any) -> dict[str, Any]:
    return {"instances": taken(host, **changes).instances}


@pytest.mark.parametrize(
    ("group", "instance"),
    [
        ("0::/system.slice/old.service", "7860"),
        ("0::/system.slice/old.service/sub", "7860"),
        ("0::/system.slice/bold.service", None),
        ("0::/user.slice/user-0.slice/session-1.scope", None),
        ("0::/system.slice/glm-tts@7861.service", "7861"),
    ],
)
def test_a_process_belongs_to_the_service_by_its_unit_alone(monkeypatch, group, instance):
    monkeypatch.setattr(proc, "text_of", lambda pid, name: f"{group}\n")
    assert proc.instance_of(1, {"old.service": "7860"}) == instance


# -- changing it


def test_a_restart_has_ended_when_its_page_answers(config, page, program, monkeypatch):
    program("systemctl", "[ $1 = show ] && printf 'Id=old.service\\nActiveState=active'; exit 0")
    host = taken(config, page)
    assert units.restart(host, one(host))["unit"] == "old.service"
    monkeypatch.setattr(Page, "healthy", False)
    with pytest.raises(HelperError, match="does not answer: http_error 500"):
        units.restart(replace(host, start_timeout_s=0, stop_timeout_s=0.5), one(host))


def test_its_own_archives_are_purged_and_a_way_through_a_link_is_not(config, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = tmp_path / "root/GLM-TTS/outputs/batch"
    folder.mkdir(parents=True)
    for name, days in (("old.zip", 8), ("young.zip", 6), ("old.wav", 99)):
        (folder / name).write_bytes(b"z")
        os.utime(folder / name, (0, time.time() - days * 86400))
    (tmp_path / "short").symlink_to(tmp_path / "root/GLM-TTS/outputs")
    with pytest.raises(HelperError, match=f"leads through a link: give {folder} instead"):
        purge.purge(taken(config, outputs_dir=str(tmp_path / "short/batch")), SEVEN_DAYS)
    report = purge.purge(taken(config, outputs_dir=str(folder)), SEVEN_DAYS)
    assert (report["deleted"], report["kept_count"]) == (["old.zip"], 1)
    assert purge.purge(taken(config, outputs_dir=f"{folder}/none"), SEVEN_DAYS)["deleted"] == []
    assert purge.purge(taken(config), SEVEN_DAYS)["deleted"] == [], "no folder named, nothing deleted"


def test_failure_words_are_counted_in_a_log_of_any_form(config, tmp_path):
    log = tmp_path / "old.log"
    log.write_text(
        "2026-11-27 09:00:00,1 INFO text: FileNotFoundError\n"
        "2026-11-27 09:00:00,2 - ERROR - CUDA out of memory. Tried to allocate\n"
        "Traceback (most recent call last):\n"
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate\n"
    )
    host = taken(config, log_files=(str(log),))
    found = scan_logs.scan(host)["instances"]["7860"]
    assert found == {"errors": 2, "faults": {"cuda_oom": 2}}
    with log.open("a") as file:
        file.write("FileNotFoundError: ckpt/llm\n")
    assert scan_logs.scan(host)["instances"]["7860"]["faults"] == {"cuda_oom": 2, "missing_file": 1}
    log.write_text("ValueError: x\n")  # copytruncate
    assert scan_logs.scan(host)["instances"]["7860"]["errors"] == 4
    assert Path(host.state_dir, "log_counters.json").exists()
