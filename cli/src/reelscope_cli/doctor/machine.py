"""The machine: processor, memory, disk, graphics processors, programs, ports."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from reelscope_cli.stack.errors import StackError
from reelscope_cli.stack.folders import cache_home
from reelscope_cli.stack.programs import find_nats_server

GIB = 2**30
PROGRAM_TIMEOUT_S = 10.0
PORTS = {"HTTP API": 8080, "bus": 4222}
"""Those that `reelscope up` and the containers prefer; taken ones are no hindrance."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found; sizes in bytes. Texts are empty where there is nothing."""

    python: str
    system: str
    processor: str
    cores: int
    memory: int
    memory_available: int
    cache: str
    disk_free: int
    gpus: tuple[str, ...]
    nats_server: str
    ffmpeg: str
    ports_in_use: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def look_around() -> Machine:
    """Looks at this machine; some tenths of a second where there is a graphics processor."""
    memory, available = _memory()
    cache = cache_home()
    return Machine(
        python=platform.python_version(),
        system=platform.platform(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory=memory,
        memory_available=available,
        cache=str(cache),
        disk_free=shutil.disk_usage(_existing(cache)).free,
        gpus=_gpus(),
        nats_server=_nats_server(),
        ffmpeg=shutil.which("ffmpeg") or "",
        ports_in_use=tuple(f"{port} ({name})" for name, port in PORTS.items() if not _is_free(port)),
    )


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    return path if path.exists() else _existing(path.parent)


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory() -> tuple[int, int]:
    found = {}
    for line in _lines(Path("/proc/meminfo")):
        name, _, value = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            found[name] = int(value.split()[0]) * 1024
    return found.get("MemTotal", 0), found.get("MemAvailable", 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _gpus() -> tuple[str, ...]:
    """Name and memory of each, as the driver says."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    return tuple(line.strip() for line in _output(query).splitlines() if line.strip())


def _nats_server() -> str:
    try:
        program = find_nats_server()
    except StackError:
        return ""
    return f"{_output([program, '--version']).strip().removeprefix('nats-server: ')} ({program})"


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
