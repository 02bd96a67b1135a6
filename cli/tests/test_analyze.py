"""`reelscope analyze` against a gateway that answers what a test wants."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import httpx
import pytest
from fake_gateway import FakeGateway, problem, told
from google.protobuf import json_format
from rich.console import Console

from reelscope.analysis.v1.analysis_pb2 import (
    AnalysisDocument,
    AnalyzeEvent,
    AnalyzerResult,
    Metadata,
    Problem,
    Progress,
    Segment,
    SegmentBatch,
)
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope.vision.v1.details_pb2 import CutDetail
from reelscope_cli.analyze.command import AnalyzeArguments, analyze
from reelscope_cli.analyze.session import Wishes
from reelscope_cli.exits import Exit


def document(**statuses: str) -> AnalysisDocument:
    results = {
        name: AnalyzerResult(analyzer=name, status=status, problem=Problem(reason="no luck") if status == "failed" else None)
        for name, status in statuses.items()
    }
    return AnalysisDocument(schema_version="1", metadata=Metadata(reconstruction_score=50.0), analyzer_results=results)


def finished(job: Job | None = None) -> Job:
    return job or Job(job_id="j1", state="succeeded", progress=1.0)


class Ran:
    def __init__(self, code: int, stdout: str, stderr: str, out: Path) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        self.out = out


async def run(gateway: FakeGateway, tmp_path: Path, *inputs: str, as_json: bool = False, terminal: bool = False) -> Ran:
    stdout, stderr = io.StringIO(), io.StringIO()
    out = tmp_path / "out"
    arguments = AnalyzeArguments(
        inputs=inputs or ["https://example.org/clip"], out=out, gateway="http://gateway", wishes=Wishes(), as_json=as_json
    )
    code = await analyze(
        arguments,
        stdout=Console(file=stdout, width=120),
        stderr=Console(file=stderr, width=120, force_terminal=terminal),
        connect=gateway.client,
    )
    return Ran(code, stdout.getvalue(), stderr.getvalue(), out)


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ({"a": "succeeded", "b": "not_applicable"}, Exit.OK),
        ({"a": "succeeded", "b": "failed"}, Exit.SOME_FAILED),
        ({"a": "unavailable"}, Exit.SOME_FAILED),
        ({}, Exit.SOME_FAILED),
    ],
)
async def test_the_exit_status_tells_whether_analyzers_failed(
    gateway: FakeGateway, tmp_path: Path, statuses: dict[str, str], code: Exit
) -> None:
    gateway.document = document(**statuses)
    gateway.events = told(finished())
    ran = await run(gateway, tmp_path)
    assert ran.code == code
    written = json_format.Parse((ran.out / "clip.json").read_text(), AnalysisDocument())
    assert written == gateway.document
    assert [path.name for path in ran.out.iterdir()] == ["clip.json"]
    if "failed" in statuses.values():
        assert "failed: no luck" in ran.stdout


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (problem(422, "media_unreadable", "that is a text"), Exit.BAD_INPUT),
        (problem(400, "unknown_analyzer", "there is no analyzer 'x'"), Exit.BAD_INPUT),
        (problem(403, "private_host", "no"), Exit.BAD_INPUT),
        (problem(500, "internal", "a bug"), Exit.SYSTEM),
        (problem(503, "unavailable", "no bus"), Exit.SYSTEM),
    ],
)
async def test_the_exit_status_tells_whose_fault_a_refusal_is(
    gateway: FakeGateway, tmp_path: Path, refusal: httpx.Response, code: Exit
) -> None:
    gateway.refusal = refusal
    ran = await run(gateway, tmp_path)
    assert ran.code == code
    assert json.loads(refusal.text)["detail"] in ran.stdout
    assert not list(ran.out.iterdir())


@pytest.mark.parametrize(
    ("why", "code"),
    [("not_found_at_source", Exit.BAD_INPUT), ("unreachable", Exit.BAD_INPUT), ("internal", Exit.SYSTEM)],
)
async def test_a_job_that_fails_writes_nothing(gateway: FakeGateway, tmp_path: Path, why: str, code: Exit) -> None:
    gateway.events = told(Job(job_id="j1", state="failed", problem=Problem(code=why, reason="it is gone")))
    ran = await run(gateway, tmp_path)
    assert ran.code == code
    assert "it is gone" in ran.stderr
    assert not list(ran.out.iterdir())


async def test_a_gateway_that_is_not_there_is_told_at_once(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.down = 100
    ran = await run(gateway, tmp_path)
    assert ran.code == Exit.SYSTEM
    assert "no gateway answers at http://gateway" in ran.stderr
    assert not gateway.slept


async def test_a_missing_file_is_told_before_anything_is_done(gateway: FakeGateway, tmp_path: Path) -> None:
    ran = await run(gateway, tmp_path, "https://example.org/clip", str(tmp_path / "gone.mp4"))
    assert ran.code == Exit.BAD_INPUT
    assert "gone.mp4" in ran.stderr
    assert not gateway.requests


async def test_an_output_folder_that_is_a_file_is_refused(gateway: FakeGateway, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    ran = await run(gateway, tmp_path)
    assert ran.code == Exit.BAD_INPUT
    assert "cannot write to" in ran.stderr


async def test_the_worst_clip_counts(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.document = document(a="succeeded")
    gateway.events = told(finished())
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "locked").mkdir()
    ran = await run(gateway, tmp_path, str(tmp_path / "a.mp4"), "https://example.org/clip", as_json=True)
    assert ran.code == Exit.OK
    report = json.loads(ran.stdout)
    assert [clip["input"] for clip in report["clips"]] == [str(tmp_path / "a.mp4"), "https://example.org/clip"]
    assert report["clips"][0] == {
        "input": str(tmp_path / "a.mp4"),
        "job_id": "j1",
        "exit_code": 0,
        "document": str(ran.out / "a.json"),
        "reason": "",
        "analyzers": {"a": "succeeded"},
        "problems": {},
        "reconstruction_score": 50.0,
        "processing_time_seconds": 0.0,
        "realtime_factor": 0.0,
    }


@pytest.mark.parametrize("terminal", [False, True])
async def test_progress_is_told(gateway: FakeGateway, tmp_path: Path, terminal: bool) -> None:
    cut = Segment(start_s=3.6, end_s=3.6, cut=CutDetail(kind="hard"))
    gateway.document = document(cut_analysis="succeeded")
    gateway.events = told(
        Job(job_id="j1", state="analyzing", analyzer_states={"cut_analysis": "pending"}),
        AnalyzeEvent(service="gateway", progress=Progress(fraction=0.5, stage="analyzing")),
        AnalyzeEvent(service="vision", analyzer="cut_analysis", segments=SegmentBatch(segments=[cut])),
        AnalyzeEvent(service="vision", analyzer="cut_analysis", segments=SegmentBatch(first_index=1, segments=[cut])),
        AnalyzeEvent(service="vision", analyzer="cut_analysis", result=AnalyzerResult(status="succeeded")),
        finished(),
    )
    ran = await run(gateway, tmp_path, terminal=terminal)
    if terminal:
        assert "written to" in ran.stderr
        return
    assert ran.stderr.splitlines() == [
        "https://example.org/clip: queued",
        "https://example.org/clip: analyzing",
        "https://example.org/clip: 0:03.6 cut_analysis: hard cut",
        "https://example.org/clip: cut_analysis succeeded",
        "https://example.org/clip: succeeded",
        f"https://example.org/clip: written to {ran.out / 'clip.json'}",
    ]


async def test_a_cancellation_calls_the_job_off(gateway: FakeGateway, tmp_path: Path) -> None:
    watched = asyncio.Event()
    gateway.events = told(Job(job_id="j1", state="analyzing"))  # it never ends

    async def wait_forever(_: float) -> None:
        watched.set()
        await asyncio.Event().wait()

    gateway._sleep = wait_forever  # type: ignore[method-assign]
    running = asyncio.ensure_future(run(gateway, tmp_path))
    await watched.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gateway.paths()[-1] == "DELETE /v1/jobs/j1"
