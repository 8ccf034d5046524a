"""Loading without torch: a module stands in for it. Speaking is tested with real torch in tests/e2e."""

import ast
import sys
import types
from pathlib import Path

import pytest

from tts_app import glm_worker
from tts_app.glm_worker.failures import LOAD_FAILED, OUT_OF_MEMORY, WorkerError
from tts_app.glm_worker.model import Presplit, _known_arguments, load


def torch_with(monkeypatch, *, available, free_bytes=0):
    cuda = types.SimpleNamespace(
        is_available=lambda: available, mem_get_info=lambda: (free_bytes, free_bytes)
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))


def checkout(tmp_path, monkeypatch, code):
    """Write an upstream entry module and keep this process's directory and import path as they are."""
    (tmp_path / "glmtts_inference.py").write_text(code)
    (tmp_path / "utils").mkdir()
    (tmp_path / "utils" / "__init__.py").touch()
    (tmp_path / "utils" / "audio.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("glmtts_inference", "utils", "utils.audio"):
        monkeypatch.setitem(sys.modules, name, None)  # so that what gets imported is forgotten afterwards
        del sys.modules[name]
    return tmp_path


def test_without_a_gpu_the_reason_is_told(tmp_path, monkeypatch):
    torch_with(monkeypatch, available=False)  # F7
    code = "def load_models(**_):\n    raise AssertionError('Torch not compiled with CUDA enabled')\n"
    with pytest.raises(WorkerError, match="needs a CUDA device") as caught:
        load(checkout(tmp_path, monkeypatch, code), use_phoneme=False)
    assert caught.value.kind == LOAD_FAILED


def test_a_device_too_full_is_refused_before_loading_starts(tmp_path, monkeypatch):
    torch_with(monkeypatch, available=True, free_bytes=9 * 2**30)
    with pytest.raises(WorkerError, match=r"CUDA out of memory: 9\.0 GiB free") as caught:
        load(checkout(tmp_path, monkeypatch, ""), use_phoneme=False)
    assert caught.value.kind == OUT_OF_MEMORY


def test_a_folder_that_is_no_checkout_is_a_failed_load(tmp_path, monkeypatch):
    torch_with(monkeypatch, available=True, free_bytes=2**40)
    root = checkout(tmp_path, monkeypatch, "")
    (root / "glmtts_inference.py").unlink()
    with pytest.raises(WorkerError, match="glmtts_inference") as caught:
        load(root, use_phoneme=False)
    assert caught.value.kind == LOAD_FAILED


def test_upstreams_splitter_is_never_called():
    class Frontend:
        def split_by_len(self, text):
            raise IndexError("list index out of range")  # F4

        def text_normalize(self, text):
            return text.upper()

    frontend = Presplit(Frontend())
    assert frontend.split_by_len("a b c", 30, 60) == ["a b c"]
    assert frontend.text_normalize("a") == "A"


def test_only_arguments_that_a_commit_knows_are_passed():
    assert _known_arguments(lambda sample_rate: None, {"sample_rate": 1, "use_phoneme": True}) == {
        "sample_rate": 1
    }


def test_the_worker_needs_nothing_but_torch_numpy_and_the_standard_library():
    allowed = sys.stdlib_module_names | {"numpy", "torch", "tts_app"}
    for file in Path(glm_worker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                assert name.split(".")[0] in allowed, f"{file.name} imports {name}"
                assert not name.startswith("tts_app.") or name.startswith("tts_app.glm_worker"), (
                    f"{file.name}: {name}"
                )
