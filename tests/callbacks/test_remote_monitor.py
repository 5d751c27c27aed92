"""What a server gets from `RemoteMonitor`."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

from corten import callbacks


@pytest.fixture
def server():
    """A server that keeps what it was sent."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            requests.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}", requests
        listener.shutdown()
        thread.join()


def test_json_body(server):
    root, requests = server
    monitor = callbacks.RemoteMonitor(root, send_as_json=True, headers={"Token": "secret"})
    monitor.on_epoch_end(3, {"loss": np.float32(0.5), "one": np.arange(1), "two": np.arange(2)})
    path, headers, body = requests[0]
    assert path == "/publish/epoch/end/"
    assert headers["Content-Type"] == "application/json"
    assert headers["Token"] == "secret"
    assert json.loads(body) == {"epoch": 3, "loss": 0.5, "one": 0, "two": [0, 1]}


def test_form(server):
    root, requests = server
    callbacks.RemoteMonitor(root, path="/here", field="values").on_epoch_end(0, {"loss": 1.0})
    path, _, body = requests[0]
    assert path == "/here"
    assert json.loads(urllib.parse.parse_qs(body)["values"][0]) == {"epoch": 0, "loss": 1.0}


def test_no_server_is_a_warning():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server"):
        callbacks.RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {"loss": 1.0})


def test_address_of_another_kind():
    with pytest.raises(ValueError, match="localhost:9000"):
        callbacks.RemoteMonitor("file:///etc/passwd")
