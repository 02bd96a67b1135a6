from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from fake_gateway import FakeGateway, problem, told

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, AnalyzeOptions, Progress
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_cli.client import RETRY_DELAYS_S
from reelscope_cli.problems import error_of
from reelscope_runtime.errors import (
    ConflictError,
    FetchError,
    ForbiddenError,
    InternalError,
    InvalidRequestError,
    MediaError,
    MediaTooLargeError,
    ModelUnavailableError,
    NotFoundError,
    ServiceError,
    UnavailableError,
    UnknownAnalyzerError,
)

EVENTS = told(
    Job(job_id="j1", state="queued"),
    AnalyzeEvent(service="gateway", progress=Progress(fraction=0.5, stage="analyzing")),
    Job(job_id="j1", state="succeeded"),
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", InvalidRequestError),
        (400, "unknown_analyzer", UnknownAnalyzerError),
        (403, "path_forbidden", ForbiddenError),
        (404, "job_not_found", NotFoundError),
        (409, "job_not_finished", ConflictError),
        (413, "too_large", MediaTooLargeError),
        (422, "media_unreadable", MediaError),
        (422, "no_video", MediaError),
        (422, "fetch_failed", FetchError),
        (503, "unavailable", UnavailableError),
        (503, "model_unavailable", ModelUnavailableError),
        (502, "bad_gateway", InternalError),
        (418, "teapot", InvalidRequestError),
    ],
)
def test_a_problem_becomes_the_error_that_it_was(status: int, code: str, kind: type[ServiceError]) -> None:
    response = problem(status, code, "so it is", retryable=True)
    response.request = httpx.Request("GET", "http://gateway/")
    error = error_of(response)
    assert type(error) is kind
    assert (error.error_code, error.reason, error.retryable) == (code, "so it is", True)


def test_an_answer_that_is_no_problem_document_is_told_as_it_is() -> None:
    response = httpx.Response(502, text="<html>bad gateway</html>", request=httpx.Request("GET", "http://gateway/v1/jobs"))
    error = error_of(response)
    assert isinstance(error, InternalError)
    assert error.reason == "http://gateway/v1/jobs answered 502: <html>bad gateway</html>"


async def test_submissions_carry_what_was_asked_for(gateway: FakeGateway) -> None:
    async with gateway.client() as client:
        job = await client.submit_url("https://example.org/a", analyzers=["cut_analysis"], priority="high")
        await client.submit_path(Path("/clips/a.mp4"), profile="lite", options=AnalyzeOptions(language="en"))
    assert job.job_id == "j1"
    first, second = (json.loads(body) for body in gateway.bodies)
    assert (first["url"], first["analyzers"], first["priority"]) == ("https://example.org/a", ["cut_analysis"], "high")
    assert (second["path"], second["profile"], second["options"]["language"]) == ("/clips/a.mp4", "lite", "en")
    assert first["idempotency_key"] != second["idempotency_key"]


async def test_a_file_is_uploaded_under_its_name(gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "a clip.mp4"
    path.write_bytes(b"moov")
    async with gateway.client() as client:
        await client.submit_file(path, analyzers=["a", "b"])
    body = gateway.bodies[0]
    assert b'name="file"; filename="a clip.mp4"' in body
    assert b"moov" in body
    assert b'name="analyzers"\r\n\r\na,b\r\n' in body
    assert b'name="profile"' not in body


async def test_a_submission_is_tried_again_as_the_same_one(gateway: FakeGateway) -> None:
    gateway.down = 2
    async with gateway.client() as client:
        await client.submit_url("https://example.org/a")
    assert len({json.loads(body)["idempotency_key"] for body in gateway.bodies}) == 1
    assert gateway.slept == list(RETRY_DELAYS_S[:2])


async def test_a_gateway_that_stays_away_is_given_up(gateway: FakeGateway) -> None:
    gateway.down = 100
    async with gateway.client() as client:
        with pytest.raises(UnavailableError, match="the gateway at http://gateway does not answer: nobody there"):
            await client.job("j1")
        assert await client.missing() == ["gateway"]


async def test_all_events_are_given_once(gateway: FakeGateway) -> None:
    gateway.events = EVENTS
    async with gateway.client() as client:
        assert [event async for event in client.watch("j1")] == EVENTS


@pytest.mark.parametrize("breaks", [[0], [1], [2], [1, 1], [1, 0, 0, 1]])
async def test_a_broken_stream_is_resumed_after_its_last_event(gateway: FakeGateway, breaks: list[int]) -> None:
    gateway.events = EVENTS
    gateway.breaks = list(breaks)
    async with gateway.client() as client:
        assert [event async for event in client.watch("j1")] == EVENTS
    connections = [request for request in gateway.requests if request.url.path.endswith("/events")]
    assert len(connections) == len(breaks) + 1


async def test_a_stream_that_breaks_while_the_gateway_starts_again_is_resumed(gateway: FakeGateway) -> None:
    gateway.events = EVENTS
    gateway.breaks = [1]
    async with gateway.client() as client:
        watching = client.watch("j1")
        assert await anext(watching) == EVENTS[0]
        gateway.down = 3
        assert [event async for event in watching] == EVENTS[1:]


async def test_who_has_seen_everything_is_told_the_end(gateway: FakeGateway) -> None:
    gateway.events = EVENTS
    async with gateway.client() as client:
        events = [event async for event in client.watch("j1", after_sequence=EVENTS[-1].sequence)]
    assert [event.job.state for event in events] == ["succeeded"]


async def test_an_end_that_no_stream_tells_is_told_at_last(gateway: FakeGateway) -> None:
    gateway.events = EVENTS
    gateway.breaks = [0] * 100
    async with gateway.client() as client:
        events = [event async for event in client.watch("j1")]
    assert [event.job.state for event in events] == ["succeeded"]


async def test_watching_an_unknown_job_fails(gateway: FakeGateway) -> None:
    async with gateway.client() as client:
        with pytest.raises(NotFoundError):
            await anext(client.watch("j2"))


async def test_what_a_newer_gateway_adds_is_left_out(gateway: FakeGateway) -> None:
    answer = httpx.Response(201, json={"job_id": "j1", "state": "queued", "invented_later": 1})
    gateway.refusal = answer
    async with gateway.client() as client:
        assert (await client.submit_url("https://example.org/a")).state == "queued"


async def test_cancel_and_analyzers(gateway: FakeGateway) -> None:
    async with gateway.client() as client:
        assert (await client.cancel("j1")).state == "cancelled"
        assert [one.name for one in (await client.analyzers()).analyzers] == ["cut_analysis"]


async def test_what_the_gateway_misses(gateway: FakeGateway) -> None:
    gateway.ready = httpx.Response(503, json={"missing": ["vision"]})
    async with gateway.client() as client:
        assert await client.missing() == ["vision"]
