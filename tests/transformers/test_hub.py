"""Finding a model's files: folders, the cache, and a server, which here is this process."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from corten.transformers import AutoModel, BertConfig, BertModel
from corten.transformers.hub import find_file

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=8,
)  # fmt: skip


class Server:
    """A hub with one model. Weights lie on another address, as they do on the real one."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        self.tokens = []
        self.cut = None
        self.huge = False
        self.redirect = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def answer(self, request):
        self.asked.append(request.path)
        self.tokens.append(request.headers.get("Authorization"))
        prefix = "/org/tiny/resolve/main/"
        if request.path.startswith(prefix) and request.path.endswith(".safetensors"):
            where = self.redirect or f"http://localhost:{self.port}/cdn/"
            request.send_response(302)
            request.send_header("X-Repo-Commit", COMMIT)
            request.send_header("Location", where + request.path.removeprefix(prefix))
            request.end_headers()
            return
        path = self.folder / request.path.rpartition("/")[2]
        if not request.path.startswith((prefix, "/cdn/")) or not path.is_file():
            request.send_response(404)
            request.send_header("X-Error-Code", "EntryNotFound")
            request.send_header("X-Repo-Commit", COMMIT)
            request.end_headers()
            return
        data = path.read_bytes()
        request.send_response(200)
        if not request.path.startswith("/cdn/"):
            request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Content-Length", str(10**12 if self.huge else len(data)))
        request.end_headers()
        request.wfile.write(data[: self.cut])

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(tmp_path, monkeypatch):
    BertModel(CONFIG).save_pretrained(tmp_path / "published")
    server = Server(tmp_path / "published")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.close()


def test_downloaded_once_into_the_cache_of_hugging_faces_tools(server, tmp_path):
    model = AutoModel.from_pretrained("org/tiny")
    root = tmp_path / "cache" / "models--org--tiny"
    snapshot = root / "snapshots" / COMMIT
    assert sorted(path.name for path in snapshot.iterdir()) == ["config.json", "model.safetensors"]
    assert (root / "refs" / "main").read_text() == COMMIT
    asked = len(server.asked)
    again = AutoModel.from_pretrained("org/tiny")
    assert len(server.asked) == asked
    ids = np.array([[1, 2, 3]])
    np.testing.assert_array_equal(again(input_ids=ids)[0], model(input_ids=ids)[0])


def test_what_is_missing_is_asked_for_once(server):
    assert find_file("org/tiny", "merges.txt", required=False) is None
    assert find_file("org/tiny", "merges.txt", required=False) is None
    assert len(server.asked) == 1
    with pytest.raises(
        FileNotFoundError, match=r"merges.txt.*no such file.*Three ways out.*HF_HOME.*HF_ENDPOINT"
    ):
        find_file("org/tiny", "merges.txt")


@pytest.mark.parametrize("how", ["argument", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline(server, monkeypatch, how):
    if how != "argument":
        monkeypatch.setenv(how, "1")
    with pytest.raises(FileNotFoundError, match="switched off"):
        find_file("org/tiny", "config.json", local_files_only=how == "argument")
    assert not server.asked


def test_a_server_that_is_not_there(server, monkeypatch):
    server.close()
    with pytest.raises(FileNotFoundError, match=r"could not be read.*Three ways out"):
        AutoModel.from_pretrained("org/tiny")
    monkeypatch.setenv("HF_ENDPOINT", "ftp://example.org")
    with pytest.raises(FileNotFoundError, match="must begin with"):
        AutoModel.from_pretrained("org/tiny")


@pytest.mark.parametrize("fault", ["cut", "huge"])
def test_what_is_not_complete_is_not_kept(server, tmp_path, fault):
    setattr(server, fault, 10 if fault == "cut" else True)
    with pytest.raises(FileNotFoundError, match=r"connection broke|IncompleteRead|more than"):
        find_file("org/tiny", "config.json")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_token_stays_with_its_server(server):
    find_file("org/tiny", "model.safetensors", token="secret")
    assert server.tokens == ["Bearer secret", None]


def test_a_redirection_to_a_file_is_refused(server, tmp_path):
    server.redirect = f"file://{tmp_path}/published/"
    with pytest.raises(FileNotFoundError, match=r"refused|not allowed"):
        find_file("org/tiny", "model.safetensors")


@pytest.mark.parametrize(
    "name", ["../published", "a/b/c", "", "a b", "/nowhere", "org/..", "http://example.org/a"]
)
def test_names_that_are_none(server, name):
    with pytest.raises((FileNotFoundError, ValueError), match=r"no name of a model|no file"):
        find_file(name, "config.json")
    assert not server.asked


@pytest.mark.parametrize("argument", [{"revision": "../x"}, {"subfolder": "../x"}, {"subfolder": "/x"}])
def test_paths_that_lead_elsewhere(server, argument):
    with pytest.raises(ValueError, match=next(iter(argument))):
        find_file("org/tiny", "config.json", **argument)


def test_a_reference_that_leads_elsewhere(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    root = tmp_path / "cache" / "models--org--tiny"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("../../../published")
    with pytest.raises(FileNotFoundError):
        find_file("org/tiny", "config.json")
