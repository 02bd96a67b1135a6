"""A gateway in this process, with its real servers, and a client for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reelscope_gateway.serving import Running, running
from reelscope_gateway.settings import FetchSettings, GatewayRuntimeSettings, GatewaySettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.settings import MediaSettings, WorkerSettings

PATIENCE_S = 30.0


def settings_for(folder: Path, **gateway: Any) -> GatewayRuntimeSettings:
    """Settings with everything in one folder, and short times."""
    values: dict[str, Any] = {
        "services": ("vision", "audio"),
        "media_roots": (folder / "clips",),
        "announce_wait_s": 0.3,
        "fetch": FetchSettings(allow_private_hosts=True, timeout_s=20, connect_timeout_s=2),
        "max_upload_bytes": 4 * 2**20,
    }
    (folder / "clips").mkdir(exist_ok=True)
    return GatewayRuntimeSettings(
        media=MediaSettings(root=folder / "media", cache=folder / "cache"),
        worker=WorkerSettings(ack_wait_s=2, drain_s=3, backoff_s=(0.05,)),
        gateway=GatewaySettings(**(values | gateway)),
    )


@dataclass
class Event:
    """One server-sent event."""

    id: int
    kind: str
    data: dict[str, Any]


class Client:
    """A gateway as its users see it."""

    def __init__(self, gateway: Running, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.http = http

    async def submit(self, **body: Any) -> dict[str, Any]:
        answer = await self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def job(self, job_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def events(self, job_id: str, after: int = 0) -> AsyncIterator[Event]:
        headers = {"Last-Event-ID": str(after)} if after else {}
        async with self.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
            assert answer.status_code in {200, 204}, await answer.aread()
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    yield Event(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                    fields = {}

    async def finished(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        async with asyncio.timeout(PATIENCE_S):
            async for event in self.events(job_id):
                if event.kind == "job" and event.data["state"] in {"succeeded", "failed", "cancelled"}:
                    return event.data
        raise AssertionError("the stream ended before the job did")

    async def document(self, job_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/jobs/{job_id}/result")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@asynccontextmanager
async def gateway_client(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, metrics: Metrics | None = None
) -> AsyncIterator[Client]:
    async with (
        running(settings, bus, host, metrics or Metrics()) as gateway,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.http_port}", timeout=PATIENCE_S) as http,
    ):
        yield Client(gateway, http)
