"""The real hub client against a server that speaks as much of the hub's HTTP interface as it uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.hub import HuggingFaceHub

pytest.importorskip("huggingface_hub")

COMMIT = "0123456789abcdef" * 2 + "01234567"


class _Handler(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {
        "/api/models/owner/net/revision/main": json.dumps({"id": "owner/net", "sha": COMMIT}).encode(),
        f"/owner/net/resolve/{COMMIT}/config.json": b"{}",
    }

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if (body := self._answer()) is not None:
            self.wfile.write(body)

    def _answer(self) -> bytes | None:
        body = self.files.get(self.path.partition("?")[0])
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", '"1"')
        self.end_headers()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


@pytest.fixture
def hub() -> Iterator[HuggingFaceHub]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield HuggingFaceHub(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def test_a_branch_stands_for_a_commit_and_a_commit_for_itself(hub: HuggingFaceHub) -> None:
    assert hub.commit("owner/net", "main") == COMMIT
    assert HuggingFaceHub("http://127.0.0.1:1").commit("owner/net", COMMIT) == COMMIT


def test_a_file_is_downloaded_to_its_place(hub: HuggingFaceHub, tmp_path: Path) -> None:
    assert hub.download("owner/net", COMMIT, "config.json", tmp_path) == tmp_path / "config.json"
    assert (tmp_path / "config.json").read_bytes() == b"{}"


def test_what_the_hub_does_not_have_is_our_own_error(hub: HuggingFaceHub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"cannot fetch owner/net/weights\.onnx"):
        hub.download("owner/net", COMMIT, "weights.onnx", tmp_path)
    with pytest.raises(ModelUnavailableError, match="cannot fetch owner/other at main") as caught:
        hub.commit("owner/other", "main")
    assert caught.value.retryable
