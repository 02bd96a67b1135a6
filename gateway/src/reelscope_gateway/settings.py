"""The gateway's settings: those of every process, and a group of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from reelscope_runtime.settings import Group, RuntimeSettings


class FetchSettings(Group):
    """Downloads."""

    timeout_s: float = Field(120.0, gt=0, description="Longest download; then its process is killed.")
    max_bytes: int = Field(512 * 2**20, gt=0, description="Largest download; watched on the disk while it grows.")
    connect_timeout_s: float = Field(3.0, gt=0, description="How long resolving and connecting to the source's host may take.")
    socket_timeout_s: float = Field(10.0, gt=0, description="How long the source may stay silent within a request.")
    allow_private_hosts: bool = Field(
        False,
        description="Whether URLs may lead to loopback, private and link-local addresses. Off: the gateway can't be used "
        "to read what only its own network can see. On for a stack that runs for one person on one machine.",
    )
    proxy: str = Field("", description="Proxy for downloads, e.g. socks5://127.0.0.1:9050; empty: none.")
    cookies_file: Path | None = Field(None, description="Netscape cookie file for sources that want a login.")
    extractor_path: Path | None = Field(
        None, description="Folder with a newer yt_dlp package, used in place of the installed one: no rebuild needed."
    )


class S3Settings(Group):
    """The store in S3."""

    bucket: str = Field(
        "", description="Bucket of the media when the store is s3; region, endpoint and keys come from the AWS_ variables."
    )
    prefix: str = Field("media", description="Key prefix in the bucket.")


class GatewaySettings(Group):
    """The gateway."""

    services: tuple[str, ...] = Field(
        ("vision", "audio", "speech", "temporal"), description="Services that must have announced themselves to be ready."
    )
    media_roots: tuple[Path, ...] = Field(
        (), description="Folders whose files may be analyzed by path; empty: none, only uploads and URLs."
    )
    store: Literal["file", "nats", "s3"] = Field(
        "file", description="Where clips are kept: the shared folder media.root, the JetStream object store, or S3."
    )
    s3: S3Settings = Field(default_factory=S3Settings)
    fetch: FetchSettings = Field(default_factory=FetchSettings)
    job_concurrency: int = Field(4, ge=1, description="Jobs that one gateway looks after at a time.")
    job_deadline_s: float = Field(
        3600.0, gt=0, description="Time from a job's start after which missing analyzers are given up."
    )
    announce_wait_s: float = Field(
        3.0, ge=0, description="How long to wait for a service that has not announced itself yet before doing without."
    )
    service_lost_s: float = Field(
        120.0, gt=0, description="A service silent for so long is given up: its analyzers are reported unavailable."
    )
    max_upload_bytes: int = Field(1024 * 2**20, gt=0, description="Largest upload over HTTP.")
    max_body_bytes: int = Field(2 * 2**20, gt=0, description="Largest JSON body.")
    max_batch: int = Field(100, ge=1, description="Most jobs in one SubmitBatch.")
    sse_ping_s: float = Field(15.0, gt=0, description="Interval of keep-alive comments on event streams.")


class GatewayRuntimeSettings(RuntimeSettings):
    """What the gateway's process knows."""

    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
