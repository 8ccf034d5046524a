"""Miniforge and weights fetched by their address, from a real HTTP server that also fails as servers do.

Hugging Face and ModelScope are stood in for by their addresses `/REPOSITORY/resolve/REVISION/FILE` and the
redirect that both answer; their real servers were not asked.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.playbooks.provisioning import Played, play_role
from tests.sim.conda.installer import write_installer

pytestmark = pytest.mark.slow
CONFIG, SPEECH = b"{}", b"speech " * 50_000
FILES = {"llm/config.json": CONFIG, "flow/flow 1.pt": SPEECH}
HUGGING_FACE = "/zai-org/GLM-TTS/resolve/main"
MODELSCOPE = "/models/ZhipuAI/GLM-TTS/resolve/master"


@dataclass
class Origin:
    """What the server holds, how it misbehaves, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)  # answers half of these, then hangs up
    moved: bool = False  # redirects to a store of large files
    asked: list[str] = field(default_factory=list)
    address: str = ""


def handler(origin: Origin) -> type[BaseHTTPRequestHandler]:
    """Return the handler of one origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            origin.asked.append(self.path)
            stored = self.path.removeprefix("/store")
            if stored not in origin.files:
                self.send_error(404)
            elif origin.moved and stored == self.path:
                self.send_response(302)
                self.send_header("Location", f"{origin.address}/store{self.path}")
                self.end_headers()
            else:
                body = origin.files[stored]
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if stored in origin.cut else body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@pytest.fixture
def origin() -> Iterator[Origin]:
    """Serve on loopback until the test ends."""
    made = Origin()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    made.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def weights(tmp_path: Path, origin: Origin) -> Callable[..., Played]:
    """Play the role's weights with an address; the environment is whole already."""
    (tmp_path / "list.txt").write_text("")
    environment = tmp_path / "envs" / hashlib.sha256(b"").hexdigest()[:16]
    environment.mkdir(parents=True)
    (environment / "COMPLETE").touch()
    manifest = tmp_path / "weights.sha256"

    def fetch(repository: str, *, files: dict[str, bytes] = FILES) -> Played:
        origin.files |= {f"{repository}/{name.replace(' ', '%20')}": data for name, data in FILES.items()}
        manifest.write_text(
            "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
        )
        variables = {
            "env_kind": "venv",
            "env_root": str(tmp_path / "envs"),
            "torch_packages": [],
            "requirements": [str(tmp_path / "list.txt")],
            "root": str(tmp_path / "GLM-TTS"),
            "weights_required": list(FILES),
            "weights_free_mb": 0,
            "weights_source": origin.address + repository,
            "weights_manifest": str(manifest),
        }
        named = {f"glmtts_glm_{name}": value for name, value in variables.items()}
        return play_role("glmtts_glm", tmp_path, **named, glmtts_instances=[{"port": 7860, "engine": "glm"}])

    return fetch


@pytest.mark.parametrize("repository", [HUGGING_FACE, MODELSCOPE], ids=["hugging-face", "modelscope"])
def test_weights_come_by_the_address_of_their_repository_and_through_its_redirects(
    tmp_path: Path, origin: Origin, weights: Callable[..., Played], repository: str
) -> None:
    origin.moved = True
    first = weights(repository)
    assert first.code == 0, first.said
    for name, data in FILES.items():
        assert (tmp_path / "GLM-TTS/ckpt" / name).read_bytes() == data
    assert f"{repository}/flow/flow%201.pt" in origin.asked
    assert f"/store{repository}/flow/flow%201.pt" in origin.asked
    origin.asked.clear()
    second = weights(repository)
    assert (second.code, second.changed, origin.asked) == (0, 0, []), second.said


def test_a_download_that_breaks_off_leaves_no_file_and_the_next_run_fetches_only_that_one(
    tmp_path: Path, origin: Origin, weights: Callable[..., Played]
) -> None:
    name = f"{HUGGING_FACE}/flow/flow%201.pt"
    origin.cut.add(name)
    broken = weights(HUGGING_FACE)
    assert broken.code != 0
    assert "flow/flow 1.pt" in broken.said
    ckpt = tmp_path / "GLM-TTS/ckpt"
    assert sorted(path.name for path in ckpt.rglob("*") if path.is_file()) == ["config.json"]
    origin.cut.clear()
    origin.asked.clear()
    again = weights(HUGGING_FACE)
    assert again.code == 0, again.said
    assert origin.asked == [name]
    assert (ckpt / "flow/flow 1.pt").read_bytes() == SPEECH


def test_another_content_than_the_manifest_names_is_never_kept_and_what_was_there_stays(
    tmp_path: Path, origin: Origin, weights: Callable[..., Played]
) -> None:
    assert weights(HUGGING_FACE, files={"llm/config.json": CONFIG}).code == 0
    ckpt = tmp_path / "GLM-TTS/ckpt"
    refused = weights(HUGGING_FACE, files={"llm/config.json": CONFIG, "flow/flow 1.pt": b"promised"})
    assert refused.code != 0
    assert "checksum" in refused.said
    assert not (ckpt / "flow/flow 1.pt").exists()
    assert (ckpt / "llm/config.json").read_bytes() == CONFIG


@pytest.fixture
def miniforge(tmp_path: Path, origin: Origin) -> Callable[..., Played]:
    """Play the role that installs conda from an address, and build nothing with it."""

    def install(data: bytes, sha256: str, path: str = "/Miniforge3.sh") -> Played:
        origin.files["/Miniforge3.sh"] = data
        address = origin.address + path
        variables = {"prefix": str(tmp_path / "conda"), "installer_url": address, "installer_sha256": sha256}
        named = {f"glmtts_conda_{name}": value for name, value in variables.items()}
        return play_role(
            "glmtts_conda", tmp_path, entries=("install",), **named, glmtts_conda_pip_packages=""
        )

    return install


def test_miniforge_is_fetched_checked_and_installed_once(
    tmp_path: Path, origin: Origin, miniforge: Callable[..., Played]
) -> None:
    sha256 = write_installer(tmp_path / "installer.sh")
    data = (tmp_path / "installer.sh").read_bytes()
    first = miniforge(data, sha256)
    assert first.code == 0, first.said
    assert (tmp_path / "conda/bin/conda").exists()
    second = miniforge(data, sha256)
    assert (second.code, second.changed, origin.asked) == (0, 0, ["/Miniforge3.sh"]), second.said


@pytest.mark.parametrize(
    ("suffix", "path", "cut", "said"),
    [
        pytest.param(b"# changed", "/Miniforge3.sh", False, "has the checksum", id="another content"),
        pytest.param(b"", "/Miniforge3.sh", True, "Conda was not installed", id="cut off"),
        pytest.param(b"", "/gone.sh", False, "404", id="not there"),
    ],
)
def test_an_installer_that_cannot_be_trusted_is_never_run_and_nothing_of_it_stays(
    tmp_path: Path,
    origin: Origin,
    miniforge: Callable[..., Played],
    suffix: bytes,
    path: str,
    cut: bool,
    said: str,
) -> None:
    sha256 = write_installer(tmp_path / "installer.sh")
    origin.cut |= {"/Miniforge3.sh"} if cut else set()
    failed = miniforge((tmp_path / "installer.sh").read_bytes() + suffix, sha256, path)
    assert failed.code != 0
    assert said in failed.said
    assert "glmtts_conda_installer_url" in failed.said
    assert not list(tmp_path.glob("conda*"))
