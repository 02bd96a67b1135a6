"""A small web server on loopback, with the troubles that the web has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PIECE = b"\0" * 65536


@dataclass
class Web:
    """Serves a folder's files, and: /hang.mp4 (never answers), /endless.mp4 (never ends, no length), /slow.mp4 (trickles),
    /gone.mp4 (404), /secret.mp4 (401), /blocked.mp4 (403), /busy.mp4 (503), /page (HTML without a clip), /away?TARGET
    (redirects)."""

    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[Web]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                web.asked.set()
                with suppress(ConnectionError):
                    web._answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        statuses = {"/gone.mp4": 404, "/secret.mp4": 401, "/blocked.mp4": 403, "/busy.mp4": 503}
        if path in statuses:
            handler.send_error(statuses[path])
        elif path == "/away":
            handler.send_response(302)
            handler.send_header("Location", query)
            handler.end_headers()
        elif path == "/hang.mp4":
            self.stop.wait()
        elif path in {"/endless.mp4", "/slow.mp4"}:
            self._head(handler, "video/mp4")
            while handler.command == "GET" and not self.stop.is_set():
                handler.wfile.write(PIECE)
                if path == "/slow.mp4":
                    self.stop.wait(0.2)
        elif path == "/page":
            self._head(handler, "text/html")
            handler.wfile.write(b"<html><title>Nothing here</title><p>No clip.</p></html>")
        else:
            self._file(handler, self.folder / path.lstrip("/"))

    @staticmethod
    def _file(handler: BaseHTTPRequestHandler, path: Path) -> None:
        if not path.is_file():
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "audio/mp4" if path.suffix == ".m4a" else "video/mp4")
        handler.send_header("Content-Length", str(path.stat().st_size))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(path.read_bytes())

    @staticmethod
    def _head(handler: BaseHTTPRequestHandler, kind: str) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
