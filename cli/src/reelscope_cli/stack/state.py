"""What is written down of a stack that keeps running, so that `down`, `status` and other programs find it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from reelscope_cli.stack.local import LocalStack
from reelscope_cli.stack.procfs import ProcessIdentity
from reelscope_runtime.version import __version__


class ProcessRecord(BaseModel):
    """One process of the stack. `pid` is 0 and `ready` false while it is being started again."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    ports: dict[str, int]
    ready: bool
    restarts: int
    started_at: float


class StackRecord(BaseModel):
    """A running stack.

    Attributes:
        pid: The process that keeps it.
        start_ticks: When that started: a later process of the same number is another one.
        folder: Where its files and logs are.
        gateway_url: The HTTP API.
        gateway_grpc: Address of the gateway's gRPC service.
        nats_url: The bus.
        profile: Which models.
        version: Of Reelscope.
        processes: In the order of their start.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    start_ticks: int
    folder: Path
    gateway_url: str
    gateway_grpc: str
    nats_url: str
    profile: str
    version: str
    processes: tuple[ProcessRecord, ...]

    @property
    def keeper(self) -> ProcessIdentity:
        """The process that keeps the stack."""
        return ProcessIdentity(self.pid, self.start_ticks)


def record_of(stack: LocalStack, keeper: ProcessIdentity) -> StackRecord:
    """The stack as it is now."""
    gateway = next(process for process in stack.processes if process.name == "gateway")
    return StackRecord(
        pid=keeper.pid,
        start_ticks=keeper.start_ticks,
        folder=stack.folder,
        gateway_url=stack.gateway_url,
        gateway_grpc=f"127.0.0.1:{gateway.ports['grpc']}",
        nats_url=stack.nats_url,
        profile=stack.profile,
        version=__version__,
        processes=tuple(
            ProcessRecord(
                name=process.name,
                pid=process.pid,
                ports=dict(process.ports),
                ready=process.is_ready,
                restarts=process.restarts,
                started_at=process.started_at,
            )
            for process in stack.processes
        ),
    )


def write_record(path: Path, record: StackRecord) -> None:
    """Writes it whole or not at all."""
    partial = path.with_suffix(f".{record.pid}.partial")
    partial.write_text(record.model_dump_json(indent=2), encoding="utf-8")
    partial.replace(path)


def read_record(path: Path) -> StackRecord | None:
    """The stack that keeps running; None where there is none, or its keeper was killed."""
    try:
        record = StackRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
    return record if record.keeper.is_alive() else None
