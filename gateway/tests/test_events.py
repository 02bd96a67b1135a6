"""Watching a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from gateway_kit.services import SEGMENTS, FakeService
from gateway_kit.stack import Client, Event, gateway_client

from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.media.host import MediaHost


async def test_order(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    events = [event async for event in client.events(job["job_id"])]
    sequences = [event.id for event in events]
    assert sequences == sorted(set(sequences))
    assert [event.data["state"] for event in events if event.kind == "job"] == ["queued", "analyzing", "succeeded"]
    assert events[-1].kind == "job"
    results = {event.data["analyzer"]: event.data["result"] for event in events if event.kind == "result"}
    assert set(results) == {"cut_analysis", "text_overlay", "audio_analysis"}
    assert all(result["segments"] == [] for result in results.values())
    fractions = [
        event.data["progress"]["fraction"]
        for event in events
        if event.kind == "progress" and event.data["service"] == "gateway"
    ]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(0.98)


async def test_the_end_can_be_watched_again(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    live = [event async for event in client.events(job["job_id"])]
    assert [event async for event in client.events(job["job_id"])] == live


async def test_resume(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    events = [event async for event in client.events(job["job_id"])]
    middle = events[len(events) // 2].id
    rest = [event async for event in client.events(job["job_id"], after=middle)]
    assert rest == [event for event in events if event.id > middle]


async def test_whoever_has_seen_the_end_is_sent_home(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    events = [event async for event in client.events(job["job_id"])]
    headers = {"Last-Event-ID": str(events[-1].id)}
    answer = await client.http.get(f"/v1/jobs/{job['job_id']}/events", headers=headers)
    assert answer.status_code == 204


@pytest.mark.parametrize("after", [False, True])
async def test_segments_sent_again_are_dropped(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService, after: bool
) -> None:
    async with (
        FakeService(bus, "vision", {"cut_analysis": "repeat"}).running(),
        gateway_client(settings, bus, host) as client,
    ):
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        events = [event async for event in client.events(job["job_id"])]
        if after:
            first = next(event.id for event in events if event.kind == "segments")
            events = [event async for event in client.events(job["job_id"], after=first)]
    batches = [event.data["segments"] for event in events if event.kind == "segments"]
    assert [batch["first_index"] for batch in batches] == ([2] if after else [0, 2])
    assert sum(len(batch["segments"]) for batch in batches) == len(SEGMENTS) - (2 if after else 0)


async def test_an_end_that_nobody_told_is_told_from_the_record(client: Client, bus: Bus) -> None:
    """A gateway that died after it wrote the record and before it published the event."""
    job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
    await client.finished(job["job_id"])
    record = await bus.jobs.get(job["job_id"])
    assert record is not None
    assert record.value is not None
    orphan = "01890000-0000-7000-8000-000000000000"
    await bus.jobs.create(orphan, record.value.replace(job["job_id"].encode(), orphan.encode()))
    events = [event async for event in client.events(orphan)]
    assert [event.data["state"] for event in events] == ["succeeded"]


async def test_live_watchers_hear_of_a_cancel(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService
) -> None:
    service = FakeService(bus, "vision", {"cut_analysis": "silent"})
    async with service.running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        watching = asyncio.create_task(client.finished(job["job_id"]))
        await asyncio.wait_for(service.taken.wait(), 10)
        await client.http.delete(f"/v1/jobs/{job['job_id']}")
        assert (await watching)["state"] == "cancelled"


async def test_streams_end_when_the_gateway_goes_down(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService
) -> None:
    service = FakeService(bus, "vision", {"cut_analysis": "silent"})
    async with service.running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        stream = client.events(job["job_id"])
        seen = [await anext(stream)]
        rest = asyncio.create_task(_all(stream, seen))
        await asyncio.wait_for(service.taken.wait(), 10)
        client.gateway.gateway.closing.set_result(None)
        await asyncio.wait_for(rest, 5)
    assert seen[-1].data.get("state") not in {"succeeded", "failed", "cancelled"}


async def _all(stream: AsyncIterator[Event], seen: list[Event]) -> None:
    seen.extend([event async for event in stream])


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "9" * 30, "٣"])
async def test_other_event_ids_are_refused(client: Client, value: str) -> None:
    job = await client.submit(path="clip.mp4")
    answer = await client.http.get(f"/v1/jobs/{job['job_id']}/events", params={"after": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_no_such_job(client: Client) -> None:
    for job_id in ("nothing", "01890000-0000-7000-8000-000000000000", "a.b>*"):
        answer = await client.http.get(f"/v1/jobs/{job_id}/events")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
