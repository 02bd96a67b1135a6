"""What HTTP itself promises: the page of routes, problems, probes, metrics, and that no body breaks it."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from gateway_kit.services import FakeService
from gateway_kit.stack import Client, gateway_client
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelscope.gateway.v1.gateway_pb2 import SubmitJobRequest
from reelscope_gateway.http.bodies import parse_json
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import InvalidRequestError
from reelscope_runtime.media.host import MediaHost


async def test_openapi_has_the_contract(client: Client) -> None:
    schema = (await client.http.get("/openapi.json")).json()
    components = schema["components"]["schemas"]
    assert components["Job"]["properties"]["state"]["enum"][0] == "queued"
    assert components["SubmitJobRequest"]["properties"]["analyzers"] == {"type": "array", "items": {"type": "string"}}
    assert components["Job"]["properties"]["submitted_at"] == {"type": "string", "format": "date-time"}
    assert components["MediaRef"]["properties"]["size_bytes"]["format"] == "int64"
    references = _references(schema)
    assert references
    assert {reference.rpartition("/")[2] for reference in references} <= set(components)
    assert {"/v1/jobs", "/v1/jobs/{job_id}/events", "/v1/analyzers", "/readyz"} <= set(schema["paths"])
    examples = schema["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        json_format.ParseDict(example["value"], SubmitJobRequest())
    page = await client.http.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text.replace("http://www.w3.org", ""), "the page asks nobody else for its parts"
    for part in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.http.get(part)).status_code == 200


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/v1/jobs", 405),
        ("POST", "/v1/analyzers", 405),
        ("GET", "/v1/jobs/nothing", 404),
        ("DELETE", "/v1/jobs/nothing", 404),
        ("GET", "/v1/jobs/nothing/result", 404),
        ("GET", "/v1/jobs/%00", 404),
        ("GET", "/v1/jobs?page_size=-1", 400),
        ("GET", "/v1/jobs?page_size=many", 400),
        ("GET", "/v1/jobs?page_size=99999999999999999999", 400),
        ("GET", "/v1/jobs?state=asleep", 400),
        ("GET", "/v1/jobs?page_token=abc", 400),
    ],
)
async def test_every_error_is_a_problem(client: Client, method: str, path: str, status: int) -> None:
    answer = await client.http.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "detail", "code", "retryable", "instance"} <= set(problem)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"17", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"path": "\\ud800"}', "application/json", 400),
        (b'{"path": 3}', "application/json", 400),
        (b'{"path": "a\\u0000b"}', "application/json", 400),
        (b'{"options":' + b'{"models":' * 5000 + b"}" * 5001, "application/json", 400),
        (b'{"upload": {"content": "%%%"}}', "application/json", 422),
        (b'{"path": "' + b"x" * 3_000_000 + b'"}', "application/json", 413),
        (b"path=clip.mp4", "application/x-www-form-urlencoded", 415),
        (b"<x/>", "text/xml", 415),
        (b"", "multipart/form-data", 400),
    ],
)
async def test_odd_bodies(client: Client, content: bytes, kind: str, status: int) -> None:
    answer = await client.http.post("/v1/jobs", content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", [b"\xff\xfe", b"x" * 300])
async def test_odd_keys(client: Client, key: bytes) -> None:
    headers: list[tuple[bytes, bytes]] = [(b"idempotency-key", key), (b"content-type", b"application/json")]
    answer = await client.http.post("/v1/jobs", content=b'{"path": "clip.mp4"}', headers=headers)
    assert answer.status_code in {202, 400}


async def test_a_small_file_may_come_in_json(client: Client, settings: GatewayRuntimeSettings) -> None:
    content = (settings.gateway.media_roots[0] / "sound.m4a").read_bytes()
    request = SubmitJobRequest()
    request.upload.filename = "sound.m4a"
    request.upload.content = content
    answer = await client.http.post("/v1/jobs", json=json_format.MessageToDict(request))
    assert answer.status_code == 202, answer.text
    assert (await client.finished(answer.json()["job_id"]))["state"] == "succeeded"


async def test_analyzers(client: Client) -> None:
    analyzers = (await client.http.get("/v1/analyzers")).json()["analyzers"]
    assert [(one["name"], one["service"], one["available"]) for one in analyzers] == [
        ("cut_analysis", "vision", True),
        ("text_overlay", "vision", True),
        ("audio_analysis", "audio", True),
    ]


async def test_ready_once_every_service_is_there(settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost) -> None:
    async with gateway_client(settings, bus, host) as client:
        assert (await client.http.get("/healthz")).status_code == 200
        answer = await client.http.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["vision", "audio"])
        for name in ("vision", "audio"):
            await FakeService(bus, name, {f"{name}_analysis": "succeed"}).announce()
        answer = await client.http.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", "missing": []})


async def test_metrics(client: Client) -> None:
    job = await client.submit(path="clip.mp4")
    await client.finished(job["job_id"])
    await client.http.get(f"/v1/jobs/{job['job_id']}")
    await client.http.get("/nothing/at/all")
    text = (await client.http.get("/metrics")).text
    assert 'reelscope_jobs_submitted_total{priority="normal",source_kind="path"} 1.0' in text
    assert 'reelscope_jobs_finished_total{state="succeeded"} 1.0' in text
    assert 'reelscope_job_stage_seconds_count{stage="analyze"} 1.0' in text
    assert 'route="/v1/jobs/{job_id}",status="200"' in text
    assert 'route="unknown",status="404"' in text
    assert job["job_id"] not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    "url", "path", "upload", "analyzers", "profile", "priority", "options", "idempotency_key", "idempotencyKey", "models",
    "language", "filename", "content",
]  # fmt: skip
SUBMISSIONS = JSON | st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner | JSON, max_size=5),
    max_leaves=8,
)


@settings(deadline=None)
@given(SUBMISSIONS | st.binary(max_size=40))
def test_any_json_is_parsed_or_refused(body: Any) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        parse_json(text, SubmitJobRequest()).SerializeToString()
    except InvalidRequestError as error:
        assert error.reason  # noqa: PT017 - both ways are right


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=SUBMISSIONS, headers=st.dictionaries(st.sampled_from(["idempotency-key", "content-type"]), st.text(max_size=10)))
async def test_no_submission_breaks_the_gateway(client: Client, body: Any, headers: dict[str, str]) -> None:
    encoded = {
        name: value.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"") for name, value in headers.items()
    }
    try:
        answer = await client.http.post(
            "/v1/jobs", content=json.dumps(body), headers={name.encode(): value for name, value in encoded.items()}
        )
    except httpx.LocalProtocolError:
        return  # the client itself refuses to send such a header
    assert answer.status_code < 500, answer.text


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(st.sampled_from([*FIELDS, "file", "x"]), st.text(max_size=20), max_size=4),
    file=st.none() | st.tuples(st.text(max_size=10), st.binary(max_size=30)),
)
async def test_no_form_breaks_the_gateway(client: Client, fields: dict[str, str], file: tuple[str, bytes] | None) -> None:
    files: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    if file is not None:
        files["file"] = file
    answer = await client.http.post("/v1/jobs", files=files or {"x": (None, "")})
    assert 400 <= answer.status_code < 500, answer.text


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    job_id=st.text(min_size=1, max_size=40),
    query=st.dictionaries(st.sampled_from(["state", "page_size", "page_token", "after"]), st.text()),
)
async def test_no_address_breaks_the_gateway(client: Client, job_id: str, query: dict[str, str]) -> None:
    for path in ("/v1/jobs", f"/v1/jobs/{_quoted(job_id)}", f"/v1/jobs/{_quoted(job_id)}/events"):
        answer = await client.http.get(path, params=query)
        assert answer.status_code < 500, answer.text


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))
