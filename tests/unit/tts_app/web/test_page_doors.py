"""The page must not hand out files of the host, whatever a client claims to have uploaded."""

from pathlib import Path

import pytest

SECRET = "marker-that-must-not-leave"


def advise(client, path):
    """Call the handler that takes an audio file, with a file nobody uploaded."""
    config = client.get("/config").json()
    audio = next(
        c["id"] for c in config["components"] if c["type"] == "audio" and "upload" in c["props"]["sources"]
    )
    call = next(d for d in config["dependencies"] if audio in d["inputs"] and len(d["inputs"]) == 4)
    upload = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    body = {"fn_index": call["id"], "data": ["text", 24000, upload, ""], "session_hash": "stranger"}
    return client.post("/gradio_api/run/predict", json=body)


def copies(client):
    folder = Path(client.context.settings.data_dir) / "page"
    return [
        path for path in folder.rglob("*") if path.is_file() and SECRET in path.read_text(errors="ignore")
    ]


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_text(SECRET)
    return path


def test_a_file_that_was_not_uploaded_is_not_read(make_client, secret):
    with make_client(with_page=True) as client:
        answer = advise(client, secret)
        assert answer.status_code >= 400
        assert copies(client) == []
        assert advise(client, "http://127.0.0.1:9/inside").status_code >= 400


def test_the_attack_is_real_where_the_flag_is_missing(make_client, secret):
    """Shows that the test above can fail: Gradio's own default lets the file out."""
    with make_client(with_page=True) as client:
        mounted = next(r.app for r in client.api.routes if hasattr(getattr(r, "app", None), "get_blocks"))
        mounted.get_blocks().has_launched = False
        advise(client, secret)
        assert copies(client)


def test_the_page_serves_itself_the_api_and_no_files_of_the_host(make_client):
    with make_client(with_page=True, max_upload_mb=1) as client:
        for path in own_files(Path(client.context.settings.data_dir)):
            answer = client.get(f"/gradio_api/file={path}")
            assert answer.status_code in {403, 404}, path
            assert SECRET not in answer.text
        upload = client.post("/gradio_api/upload", files={"files": ("a.wav", b"x" * 3_000_000)})
        assert upload.status_code == 413
        for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/voices", "/openapi.json"):
            assert client.get(path).status_code == 200, path
        assert client.post("/admin/drain").status_code == 401


def own_files(data_dir):
    """Return files of the host that nobody may fetch, the service's own among them."""
    places = [
        data_dir / "outputs/batch/b.zip",
        data_dir / "pace-kokoro.json",
        data_dir.parent / "log/error.log",
    ]
    for path in places:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    return [*places, Path("/etc/passwd")]
