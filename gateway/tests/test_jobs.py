"""Jobs from submission to document, over HTTP, with fake services on a real bus."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from gateway_kit.services import SEGMENTS, FakeService
from gateway_kit.stack import Client, gateway_client, settings_for
from gateway_kit.web import Web
from google.protobuf import json_format

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_gateway.settings import FetchSettings, GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.metrics import Metrics


async def test_a_path(client: Client, vision: FakeService) -> None:
    job = await client.submit(path="clip.mp4")
    assert job["state"] == "queued"
    assert job["media_info"]["video"]["width"] == 64
    assert job["analyzers"] == ["cut_analysis", "text_overlay", "audio_analysis"]
    ended = await client.finished(job["job_id"])
    assert ended["state"] == "succeeded", ended
    assert ended["progress"] == 1
    assert ended["analyzer_states"] == {
        "cut_analysis": "succeeded",
        "text_overlay": "succeeded",
        "audio_analysis": "not_applicable",
    }
    document = await client.document(job["job_id"])
    assert set(document["analyzer_results"]) == {"audio_analysis", "cut_analysis", "text_overlay"}
    assert len(document["analyzer_results"]["cut_analysis"]["segments"]) == len(SEGMENTS)
    metadata = document["metadata"]
    assert metadata["reconstruction_score"] == pytest.approx(100 * 2.5 / 3)
    assert (metadata["total_analyzers"], metadata["successful_analyzers"]) == (3, 3)
    assert metadata["video_path"] == "clip.mp4"
    assert [stage["stage"] for stage in metadata["timing"]] == ["queue", "probe", "store", "analyze", "aggregate"]
    assert {service["name"] for service in metadata["services"]} == {"vision", "audio"}
    assert metadata["realtime_factor"] == pytest.approx(
        metadata["processing_time_seconds"] / metadata["media"]["duration_s"], rel=0.5
    )
    parsed = json_format.ParseDict(document, AnalysisDocument())
    assert list(invalid_values(parsed)) == []
    request = vision.requests[0]
    assert list(request.analyzers) == ["cut_analysis", "text_overlay"]
    assert request.media.uri.startswith("file://")
    assert 0 < request.deadline_s <= 3600


async def test_an_upload(client: Client, clips: Path) -> None:
    content = (clips / "clip.mp4").read_bytes()
    answer = await client.http.post(
        "/v1/jobs",
        files={"file": ("holiday.mp4", content, "video/mp4")},
        data={"analyzers": "cut_analysis", "priority": "high", "options": '{"language": "en"}'},
    )
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['job_id']}"
    assert (job["source"], job["source_kind"], job["priority"]) == ("holiday.mp4", "upload", "high")
    assert job["options"]["language"] == "en"
    assert int(job["media"]["size_bytes"]) == len(content)
    ended = await client.finished(job["job_id"])
    assert ended["state"] == "succeeded"
    assert list((await client.document(job["job_id"]))["analyzer_results"]) == ["cut_analysis"]


async def test_a_url(client: Client, web: Web) -> None:
    job = await client.submit(url=f"{web.url}/clip.mp4", analyzers=["cut_analysis"])
    ended = await client.finished(job["job_id"])
    assert ended["state"] == "succeeded", ended
    assert ended["source_metadata"]["title"] == "clip"
    document = await client.document(job["job_id"])
    assert document["metadata"]["source"]["webpage_url"] == f"{web.url}/clip.mp4"
    stages = [stage["stage"] for stage in document["metadata"]["timing"]]
    assert stages == ["queue", "fetch", "probe", "store", "analyze", "aggregate"]


async def test_audio_alone_goes_to_every_service(client: Client, vision: FakeService) -> None:
    job = await client.submit(path="sound.m4a")
    assert "video" not in job["media_info"] or job["media_info"]["video"] is None
    assert (await client.finished(job["job_id"]))["state"] == "succeeded"
    assert len(vision.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.mp4", "http://no-such-host.invalid/x.mp4"])
async def test_an_unreachable_url_fails_the_job_within_five_seconds(client: Client, url: str) -> None:
    started = time.monotonic()
    job = await client.submit(url=url)
    ended = await client.finished(job["job_id"])
    assert time.monotonic() - started < 5
    assert (ended["state"], ended["problem"]["code"]) == ("failed", "unreachable")
    answer = await client.http.get(f"/v1/jobs/{job['job_id']}/result")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_failed")
    assert answer.json()["job_problem"]["code"] == "unreachable"


async def test_a_source_that_is_busy_is_asked_again_a_few_times(
    client: Client, settings: GatewayRuntimeSettings, bus: Bus, web: Web
) -> None:
    job = await client.submit(url=f"{web.url}/busy.mp4")
    ended = await client.finished(job["job_id"])
    assert (ended["state"], ended["problem"]["code"], ended["problem"]["retryable"]) == ("failed", "fetch_failed", True)
    letters = [letter async for letter in bus.dead_letters()]
    assert [letter.attempts for letter in letters] == [settings.worker.max_deliver]


async def test_a_page_that_is_no_media_fails_the_job(client: Client, web: Web) -> None:
    (web.folder / "fake.mp4").write_bytes(b"this is no clip" * 100)
    job = await client.submit(url=f"{web.url}/fake.mp4")
    ended = await client.finished(job["job_id"])
    assert (ended["state"], ended["problem"]["code"][:5]) == ("failed", "media")


@pytest.mark.parametrize(
    ("content", "name"), [(b"", "empty.mp4"), (b"this is no clip" * 100, "text.mp4"), (b"\0" * 100_000, "zeros.mp4")]
)
async def test_bad_media_is_refused_within_five_seconds(
    client: Client, settings: GatewayRuntimeSettings, content: bytes, name: str
) -> None:
    (settings.gateway.media_roots[0] / name).write_bytes(content)
    for attempt in (
        client.http.post("/v1/jobs", json={"path": name}),
        client.http.post("/v1/jobs", files={"file": (name, content)}),
    ):
        started = time.monotonic()
        answer = await attempt
        assert time.monotonic() - started < 5
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.http.get("/v1/jobs")).json()["jobs"] == []


async def test_failures_stand_in_the_document(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService
) -> None:
    scripts = {"cut_analysis": "fail", "text_overlay": "unavailable", "face_detection": "lost", "object_detection": "succeed"}
    async with FakeService(bus, "vision", scripts).running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=list(scripts))
        assert (await client.finished(job["job_id"]))["state"] == "succeeded"
        document = await client.document(job["job_id"])
    results = document["analyzer_results"]
    assert {name: result["status"] for name, result in results.items()} == {
        "cut_analysis": "failed",
        "text_overlay": "unavailable",
        "face_detection": "failed",
        "object_detection": "succeeded",
    }
    assert results["cut_analysis"]["problem"] == {"code": "broken", "reason": "as scripted", "retryable": False}
    assert results["face_detection"]["problem"]["code"] == "result_lost"
    assert document["metadata"]["reconstruction_score"] == pytest.approx(25)
    assert document["metadata"]["successful_analyzers"] == 1


async def test_a_failed_task_fails_its_analyzers(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService
) -> None:
    scripts = {"": "problem", "cut_analysis": "succeed"}
    async with FakeService(bus, "vision", scripts).running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis", "audio_analysis"])
        assert (await client.finished(job["job_id"]))["state"] == "succeeded"
        results = (await client.document(job["job_id"]))["analyzer_results"]
    assert results["cut_analysis"]["status"] == "failed"
    assert results["cut_analysis"]["problem"]["code"] == "media_unreadable"
    assert results["audio_analysis"]["status"] == "not_applicable"


async def test_analyzers_that_do_not_come_in_time_have_failed(tmp_path: Path, clips: Path, bus: Bus, host: MediaHost) -> None:
    settings = settings_for(tmp_path, services=("vision",), job_deadline_s=1.5)
    (tmp_path / "clips" / "clip.mp4").write_bytes((clips / "clip.mp4").read_bytes())
    service = FakeService(bus, "vision", {"cut_analysis": "silent", "text_overlay": "succeed"})
    async with service.running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4")
        assert (await client.finished(job["job_id"]))["state"] == "succeeded"
        results = (await client.document(job["job_id"]))["analyzer_results"]
        await asyncio.wait_for(service.heard_cancel.wait(), 5)
    assert results["cut_analysis"]["problem"]["code"] == "deadline_exceeded"
    assert results["text_overlay"]["status"] == "succeeded"


async def test_without_any_service_the_job_is_tried_and_written_off(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost
) -> None:
    metrics = Metrics()
    async with gateway_client(settings, bus, host, metrics) as client:
        job = await client.submit(path="clip.mp4")
        assert job["analyzers"] == []
        ended = await client.finished(job["job_id"])
    assert (ended["state"], ended["problem"]["code"]) == ("failed", "unavailable")
    letters = [letter async for letter in bus.dead_letters()]
    assert [letter.payload.decode() for letter in letters] == [job["job_id"]]
    assert letters[0].attempts == settings.worker.max_deliver
    assert metrics.registry.get_sample_value("reelscope_dead_letters_total", {"service": "gateway"}) == 1


async def test_the_same_key_gives_the_same_job(client: Client) -> None:
    body = {"path": "clip.mp4", "analyzers": ["cut_analysis"]}
    headers = {"Idempotency-Key": "order 17"}
    answers = await asyncio.gather(*(client.http.post("/v1/jobs", json=body, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    other = await client.http.post("/v1/jobs", json=body | {"priority": "low"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert len((await client.http.get("/v1/jobs")).json()["jobs"]) == 1


async def test_cancel(settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService) -> None:
    service = FakeService(bus, "vision", {"cut_analysis": "silent"})
    async with service.running(), gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        await asyncio.wait_for(service.taken.wait(), 10)
        answer = await client.http.delete(f"/v1/jobs/{job['job_id']}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        await asyncio.wait_for(service.heard_cancel.wait(), 2)
        assert service.cancelled == [job["job_id"]]
        assert (await client.finished(job["job_id"]))["analyzer_states"] == {"cut_analysis": "cancelled"}
        again = await client.http.delete(f"/v1/jobs/{job['job_id']}")
        assert again.status_code == 200
        result = await client.http.get(f"/v1/jobs/{job['job_id']}/result")
        assert (result.status_code, result.json()["code"], result.json()["state"]) == (409, "job_cancelled", "cancelled")


async def test_cancel_ends_a_download(client: Client, web: Web) -> None:
    job = await client.submit(url=f"{web.url}/slow.mp4")
    assert await asyncio.to_thread(web.asked.wait, 10)
    assert (await client.http.delete(f"/v1/jobs/{job['job_id']}")).status_code == 200
    assert (await client.finished(job["job_id"]))["state"] == "cancelled"


async def test_what_has_ended_cannot_be_cancelled(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    await client.finished(job["job_id"])
    answer = await client.http.delete(f"/v1/jobs/{job['job_id']}")
    assert (answer.status_code, answer.json()["code"], answer.json()["state"]) == (409, "job_is_final", "succeeded")


async def test_unknown_analyzers_are_named(client: Client) -> None:
    answer = await client.http.post("/v1/jobs", json={"path": "clip.mp4", "analyzers": ["cut_analysis", "cut_analyses"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_analyzer")
    assert "'cut_analyses'" in answer.json()["detail"]
    assert "audio_analysis, cut_analysis, text_overlay" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"path": "/etc/passwd"}, 403, "path_forbidden"),
        ({"path": "../x.mp4"}, 403, "path_forbidden"),
        ({"path": "nothing.mp4"}, 404, "file_not_found"),
        ({"path": "."}, 400, "not_a_file"),
        ({"path": ""}, 400, "no_source"),
        ({}, 400, "no_source"),
        ({"url": "file:///etc/passwd"}, 400, "unsupported_url"),
        ({"url": "ftp://example.org/x.mp4"}, 400, "unsupported_url"),
        ({"url": "http://x/", "path": "clip.mp4"}, 400, "invalid_request"),
        ({"path": "clip.mp4", "priority": "urgent"}, 400, "invalid_request"),
        ({"path": "clip.mp4", "profile": "huge"}, 400, "invalid_request"),
        ({"path": "clip.mp4", "profile": "full"}, 400, "wrong_profile"),
        ({"path": "clip.mp4", "colour": "red"}, 400, "invalid_request"),
        ({"path": "clip.mp4", "options": {"models": {"nothing": "x"}}}, 400, "unknown_analyzer"),
        ({"path": "clip.mp4", "idempotency_key": "x" * 300}, 400, "invalid_request"),
    ],
)
async def test_refusals(client: Client, body: dict[str, Any], status: int, code: str) -> None:
    answer = await client.http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_private_hosts_are_refused_unless_allowed(
    tmp_path: Path, bus: Bus, host: MediaHost, vision: FakeService, web: Web
) -> None:
    settings = settings_for(tmp_path, services=("vision",), fetch=FetchSettings())
    async with gateway_client(settings, bus, host) as client:
        answer = await client.http.post("/v1/jobs", json={"url": f"{web.url}/clip.mp4"})
    assert (answer.status_code, answer.json()["code"]) == (403, "private_host")
    assert not web.asked.is_set()


async def test_an_upload_over_the_limit_is_refused(client: Client, settings: GatewayRuntimeSettings) -> None:
    content = b"\0" * (settings.gateway.max_upload_bytes + 1)
    answer = await client.http.post("/v1/jobs", files={"file": ("big.mp4", content)})
    assert (answer.status_code, answer.json()["code"]) == (413, "media_too_large")
    assert list((settings.media.root / ".incoming").iterdir()) == []


async def test_jobs_are_listed_newest_first(client: Client) -> None:
    made = [(await client.submit(path="clip.mp4", analyzers=["cut_analysis"]))["job_id"] for _ in range(5)]
    for job_id in made:
        await client.finished(job_id)
    first = (await client.http.get("/v1/jobs", params={"page_size": 3})).json()
    second = (await client.http.get("/v1/jobs", params={"page_size": 3, "page_token": first["next_page_token"]})).json()
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == made[::-1]
    assert second["next_page_token"] == ""
    assert (await client.http.get("/v1/jobs", params={"state": "failed"})).json()["jobs"] == []
    assert len((await client.http.get("/v1/jobs", params={"state": "succeeded"})).json()["jobs"]) == 5


async def test_a_batch_takes_what_it_can(client: Client) -> None:
    body = {"jobs": [{"path": "clip.mp4"}, {"path": "/etc/passwd"}, {"path": "sound.m4a", "analyzers": ["audio_analysis"]}]}
    answer = await client.http.post("/v1/batches", json=body)
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert items[1]["problem"]["code"] == "path_forbidden"
    for item in (items[0], items[2]):
        assert (await client.finished(item["job"]["job_id"]))["state"] == "succeeded"
