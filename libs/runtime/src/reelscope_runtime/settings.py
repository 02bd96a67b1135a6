"""Settings shared by every process: environment variables with the prefix REELSCOPE_ and `__` between levels.

Built once in a process's main and passed down; a process adds its own by subclassing `RuntimeSettings`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Profile = Literal["lite", "standard", "full"]


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "reelscope"


class Group(BaseModel):
    """One named group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NatsSettings(Group):
    """The bus."""

    url: str = Field("nats://127.0.0.1:4222", description="NATS server; several, comma-separated, for a cluster.")
    connect_timeout_s: float = Field(10.0, gt=0, description="How long to wait for the server at start.")
    replicas: int = Field(1, ge=1, le=5, description="Replicas of every stream and bucket.")
    events_max_age_s: float = Field(24 * 3600.0, gt=0, description="How long a job's events stay readable.")
    jobs_ttl_s: float = Field(30 * 24 * 3600.0, gt=0, description="How long a job's record stays.")
    results_ttl_s: float = Field(30 * 24 * 3600.0, gt=0, description="How long analyzer results are kept for reuse.")


class GrpcSettings(Group):
    """The gRPC server."""

    host: str = Field("127.0.0.1", description="Address that the gRPC server binds.")
    port: int = Field(0, ge=0, le=65535, description="Port; 0 takes a free one.")
    max_message_bytes: int = Field(64 * 2**20, gt=0, description="Largest message in either direction.")


class HttpSettings(Group):
    """The HTTP endpoint."""

    host: str = Field("127.0.0.1", description="Address of the HTTP endpoint (/metrics, /healthz; the gateway's API).")
    port: int = Field(0, ge=0, le=65535, description="Port; 0 takes a free one.")


class MediaSettings(Group):
    """Where media is and what is accepted."""

    root: Path = Field(_cache_home() / "media", description="Shared folder of content-addressed media (file:// URIs).")
    cache: Path = Field(_cache_home() / "fetched", description="Where media from object stores is kept while in use.")
    cache_bytes: int = Field(4 * 2**30, gt=0, description="Size at which the oldest unused files of the cache go.")
    max_pixels: int = Field(7680 * 4320, gt=0, description="Largest picture (width x height) that is decoded: 8K by default.")
    max_duration_s: float = Field(4 * 3600.0, gt=0, description="Longest media that is analyzed.")
    stall_timeout_s: float = Field(20.0, gt=0, description="A decoder that gives nothing for so long is killed.")
    probe_timeout_s: float = Field(4.0, gt=0, description="How long looking into a file's header may take.")
    child_memory_bytes: int = Field(3 * 2**30, gt=0, description="Address space above its start that a decoder may take.")
    threads: int = Field(1, ge=1, description="Decoder threads of one media process.")
    hwaccel: Literal["auto", "none", "cuda"] = Field("auto", description="Hardware decoding where there is some.")


class ModelSettings(Group):
    """Which models, and how much they may take."""

    profile: Profile = Field("lite", description="Which set of models: lite, standard or full.")
    folder: Path = Field(_cache_home() / "models", description="Where fetched or joined model files are kept.")
    overrides: dict[str, str] = Field(default_factory=dict, description="Analyzer name to model name.")
    device: str = Field("auto", description="auto, cpu or cuda:N.")
    memory_mb: int = Field(8192, gt=0, description="Budget of this service for loaded models on its device.")
    idle_ttl_s: float = Field(300.0, gt=0, description="A model that nobody used for so long is unloaded.")
    preload: bool = Field(True, description="Load the default models before the service says SERVING.")
    threads: int = Field(2, ge=1, description="Compute threads of a task: nodes that work at a time.")
    offline: bool = Field(True, description="Never download a model at run time.")


class WorkerSettings(Group):
    """How tasks are worked off."""

    concurrency: int = Field(1, ge=1, description="Tasks that one process works on at a time.")
    ack_wait_s: float = Field(30.0, gt=0, description="A task without a heartbeat for so long goes to another worker.")
    max_deliver: int = Field(4, ge=1, description="Tries before a task becomes a dead letter.")
    backoff_s: tuple[float, ...] = Field((1.0, 5.0, 15.0), min_length=1, description="Delay before the 2nd, 3rd, … try.")
    task_deadline_s: float = Field(3600.0, gt=0, description="Longest time for one task.")
    drain_s: float = Field(20.0, gt=0, description="At shutdown: how long running tasks may take to finish.")


class LiveSettings(Group):
    """Live streams."""

    max_streams: int = Field(2, ge=1, description="Live streams that one process takes at a time.")


class LogSettings(Group):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is printed.")
    format: Literal["auto", "json", "console"] = Field("auto", description="auto: console on a terminal, else JSON.")


class TracingSettings(Group):
    """OpenTelemetry."""

    otlp_endpoint: str = Field("", description="OTLP/gRPC collector, e.g. http://127.0.0.1:4317; empty: no tracing.")


class RuntimeSettings(BaseSettings):
    """What every process knows."""

    model_config = SettingsConfigDict(
        env_prefix="REELSCOPE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    nats: NatsSettings = Field(default_factory=NatsSettings)
    grpc: GrpcSettings = Field(default_factory=GrpcSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    media: MediaSettings = Field(default_factory=MediaSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    live: LiveSettings = Field(default_factory=LiveSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    ready_file: Path | None = Field(None, description="Written with the bound ports (JSON) once the process serves.")
    parent_pid: int = Field(0, ge=0, description="Die with this parent process; 0: live on one's own.")
