"""/metrics, /healthz and /readyz of a service: a few lines of the standard library in a thread, apart from the event loop, so
that it answers even while that is busy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from reelscope_runtime.errors import UnavailableError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.settings import HttpSettings


class ProbeServer:
    """Serves from the moment it is made until `close`.

    Args:
        settings: Address.
        metrics: What /metrics shows.
        ready: What /readyz says: a list of what is missing; empty is ready.
        alive: What /healthz says, likewise.

    Raises:
        UnavailableError: The address can't be bound.
    """

    def __init__(
        self,
        settings: HttpSettings,
        metrics: Metrics,
        *,
        ready: Callable[[], list[str]],
        alive: Callable[[], list[str]] = list,
    ) -> None:
        checks = {"/healthz": alive, "/readyz": ready}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.split("?", 1)[0]
                if path == "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
                elif path in checks:
                    missing = checks[path]()
                    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
                    body = {"status": "unavailable" if missing else "ok", "missing": missing}
                    self._answer(status, "application/json", json.dumps(body).encode())
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there are /metrics, /healthz and /readyz\n")

            def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the library's names
                """Scrapes are not news."""

        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), Handler)
        except OSError as error:
            raise UnavailableError(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
