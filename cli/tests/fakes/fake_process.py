"""A service that does nothing but start, say that it is ready, and end the way that a test wants.

What a test wants stands in the folder REELSCOPE_FAKES, in a file with the service's name: "fail" (end with status 3 at once),
"mute" (never be ready), "crash" (end with status 1 once ready), "deaf" (ignore SIGTERM); no file: behave.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from reelscope_runtime.process import die_with_parent


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status": "ok", "missing": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not a word."""


def main(name: str) -> None:
    die_with_parent(int(os.environ["REELSCOPE_PARENT_PID"]))
    wish_file = Path(os.environ["REELSCOPE_FAKES"]) / name
    wish = wish_file.read_text() if wish_file.exists() else ""
    if wish == "fail":
        sys.stderr.write(f"the {name} service has no models\n")
        raise SystemExit(3)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if wish == "deaf" else lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["REELSCOPE_HTTP__PORT"])), _Handler)
    server.daemon_threads = True
    if wish != "mute":
        path = Path(os.environ["REELSCOPE_READY_FILE"])
        partial = path.with_suffix(".partial")
        port = server.server_address[1]
        partial.write_text(
            json.dumps({"pid": os.getpid(), "http": port, "grpc": int(os.environ["REELSCOPE_GRPC__PORT"]) or port})
        )
        partial.replace(path)
    if wish == "crash":
        raise SystemExit(1)
    server.serve_forever()
