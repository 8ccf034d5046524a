"""The archive holds what explains a failure, and no secret."""

import base64
import io
import tarfile
from pathlib import Path

import pytest
from glmtts_remedy import capture, proc


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer [removed]"),
        ("https://qyapi.example/send?key=3f2a&x=1", "https://qyapi.example/send?key=[removed]&x=1"),
        ('{"access_token": "s3cret", "n": 1}', '{"access_token": "[removed]", "n": 1}'),
        ("PASSWORD=hunter2;", "PASSWORD=[removed];"),
        ("it says the-admin-token here", "it says [removed] here"),
        ("keyboard and tokenizer stay", "keyboard and tokenizer stay"),
    ],
)
def test_secrets_are_blacked_out(text, clean):
    assert capture.redacted(text, "the-admin-token") == clean


def test_the_archive_holds_every_part_or_why_it_is_missing(config, program, monkeypatch):
    monkeypatch.setattr(proc, "pids", lambda: iter(()))  # services of this machine are none of ours
    program("systemctl", "printf 'Id=glm-tts@7860.service\\nActiveState=active\\nMainPID=1\\n'")
    program("journalctl", "echo 'key=abcdef'")
    program("nvidia-smi", "echo '<x></x>'")
    program("ps", "exit 0")
    (Path(config.log_dir) / "7860/error.log").write_text("the-admin-token was sent\nit broke\n")
    answer = capture.capture(config, config.instances["7860"])
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(answer["archive"]))) as tar:
        parts = {Path(item.name).name: tar.extractfile(item).read().decode() for item in tar}
    assert set(parts) == set(answer["parts"])
    assert parts["error.log"] == "[removed] was sent\nit broke"
    assert parts["journal.txt"] == "key=[removed]\n"
    assert '"schema": 1' in parts["evidence.json"]
    assert "== 1 " in parts["stacks.txt"]
