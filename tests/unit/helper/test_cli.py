"""One JSON object and one exit code, whatever is asked."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from glmtts_remedy.cli import main, parser
from glmtts_remedy.config import from_json
from glmtts_remedy.lease import LeaseFile
from glmtts_remedy.verbs import VERBS

from playbooks.lookup_plugins.packed_folder import zipapp_of

SOURCE = Path(__file__).parents[3] / "playbooks/roles/remedy_helper/files/glmtts_remedy"


@pytest.fixture
def ask(config_file, capsys):
    def run(*argv: str) -> tuple[int, dict]:
        code = main(list(argv), config_file)
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param([], id="nothing"),
        pytest.param(["sh"], id="another program"),
        pytest.param(["restart"], id="no instance"),
        pytest.param(["restart", "7860", "--now"], id="an option nobody knows"),
        pytest.param(["speak", "7861"], id="an instance of another host"),
        pytest.param(["speak", "../../etc"], id="a path as instance"),
        pytest.param(["speak", "7860", "--text", "长" * 201], id="a novel"),
        pytest.param(["lease", "steal"], id="an unknown thing to do with the lease"),
        pytest.param(["speak", "7860", "--te", "x"], id="an abbreviated option"),
    ],
)
def test_a_wrong_command_line_ends_in_2_and_says_why(ask, argv):
    code, answer = ask(*argv)
    assert (code, answer["ok"]) == (2, False)
    assert answer["error"]


@pytest.mark.parametrize("verb", sorted(name for name, verb in VERBS.items() if verb.changes))
def test_a_changing_verb_is_refused_without_the_lease(ask, verb, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    given = _smallest_arguments(verb)
    code, answer = ask(*given)
    assert (code, answer["ok"]) == (3, False)
    code, _ = ask(*given, "--run", "run-1")
    assert code == 3


def test_a_changing_verb_is_refused_once_a_person_took_over(ask, config):
    LeaseFile(config.run_dir).take("run-1", 60)
    assert ask("lease", "take-over", "--by", "li.wei")[0] == 0
    code, answer = ask("stop", "7860", "--run", "run-1")
    assert code == 3
    assert answer["holder"] == "person:li.wei"


def test_a_verb_runs_under_the_lease_of_its_run(ask, config, program):
    program("systemctl", "[ $1 = show ] && printf 'Id=glm-tts@7860.service\\nActiveState=active'; exit 0")
    LeaseFile(config.run_dir).take("run-1", 60)
    code, answer = ask("restart", "7860", "--run", "run-1")
    assert (code, answer["ok"], answer["unit"]) == (0, True, "glm-tts@7860.service")


def test_a_failing_command_ends_in_1_with_its_words(ask, config, program):
    program("systemctl", "[ $1 = reset-failed ] && exit 0; echo 'Job failed' >&2; exit 1")
    LeaseFile(config.run_dir).take("run-1", 60)
    code, answer = ask("start", "7860", "--run", "run-1")
    assert code == 1
    assert "Job failed" in answer["error"]


def test_a_command_that_never_ends_ends_in_5(config, config_file, program, capsys, monkeypatch):
    program("systemctl", "[ $1 = reset-failed ] && exit 0; sleep 3600")
    raw = json.loads(config_file.read_text())
    config_file.write_text(json.dumps({**raw, "start_timeout_s": 1}))
    LeaseFile(config.run_dir).take("run-1", 60)
    assert main(["start", "7860", "--run", "run-1"], config_file) == 5
    assert "no answer within" in json.loads(capsys.readouterr().out)["error"]


def test_listing_what_a_purge_would_delete_needs_no_lease(ask, monkeypatch):
    monkeypatch.setattr("glmtts_remedy.purge.os.geteuid", lambda: 1000)
    code, answer = ask("purge", "--dry-run")
    assert (code, answer["dry_run"]) == (0, True)


def test_the_lease_is_taken_shown_and_given_back(ask):
    assert ask("lease", "take", "run-1", "--ttl", "60", "--purpose", "test")[1]["already_held"] is False
    assert ask("lease", "show")[1]["lease"]["holder"] == "run-1"
    assert ask("lease", "take", "run-2")[0] == 3
    assert ask("lease", "release", "run-1")[1]["released"] is True
    assert ask("lease", "show")[1]["lease"] is None


def test_a_host_without_settings_is_an_error_and_not_a_traceback(capsys, tmp_path):
    assert main(["examine"], tmp_path / "none.json") == 1
    assert "cannot read" in json.loads(capsys.readouterr().out)["error"]


def test_unknown_settings_are_an_error():
    with pytest.raises(ValueError, match="unknown keys: nvidia"):
        from_json({"instances": {}, "nvidia": 1})


def test_the_program_is_one_file_with_the_same_bytes_every_time(tmp_path):
    first, second = zipapp_of(SOURCE), zipapp_of(SOURCE)
    assert first == second
    path = tmp_path / "glmtts-remedy"
    path.write_bytes(first)
    done = subprocess.run(
        [sys.executable, "-I", path, "no-such-verb"], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["ok"] is False
    assert done.stderr == b""


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.name)
def test_the_source_is_python_3_9_and_imports_the_standard_library_alone(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert names <= sys.stdlib_module_names | {"glmtts_remedy", "__future__"}


def test_every_verb_has_a_place_on_the_command_line():
    for verb in VERBS:
        assert parser().parse_args(_smallest_arguments(verb)).verb == verb


def _smallest_arguments(verb: str) -> list[str]:
    known = {
        "maintenance": ["show"],
        "exporters": ["stop"],
        "rotate-logs": [],
        "scan-logs": [],
        "reboot": [],
        "settle": [],
        "free-port": ["7860", "1", "1"],
        "gpu-persistence": ["GPU-1", "off"],
        "lease": ["show"],
        "purge": [],
        "examine": [],
    }
    return [verb, *known.get(verb, ["7860"])]
