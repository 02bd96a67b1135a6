"""The real stack, started and used as a user does it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_cli.client import ReelscopeClient
from reelscope_cli.stack.procfs import ProcessIdentity, descendants
from reelscope_runtime.contract import invalid_values
from support.stack import RunningStack, stack_environment

BAD_INPUT_S = 5.0
"""How soon an input that is no good is told, once the stack is up."""
GONE_S = 15.0
GOOD = {"succeeded", "not_applicable"}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "reelscope_cli", *map(str, arguments)]


def analyze(
    *arguments: str | Path, stack: RunningStack | None = None, cache: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = stack_environment(cache) if cache is not None else dict(os.environ)
    if stack is not None:
        environment["REELSCOPE_GATEWAY_URL"] = stack.url
    return subprocess.run(
        command("analyze", "--json", *arguments), capture_output=True, text=True, env=environment, timeout=170, check=False
    )


def report_of(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


@pytest.fixture
def website(demo_clip: Path) -> Iterator[str]:
    """Serves the samples."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Not a word."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(demo_clip.parent))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.timeout(180)
def test_one_command_describes_the_demo_clip(demo_clip: Path, tmp_path: Path) -> None:
    ran = analyze(demo_clip, "--out", tmp_path / "out", cache=tmp_path / "cache")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    document = json_format.Parse((tmp_path / "out" / "demo.json").read_text(), AnalysisDocument())
    assert {name: result.status for name, result in document.analyzer_results.items() if result.status not in GOOD} == {}
    assert not list(invalid_values(document))
    metadata = document.metadata
    assert metadata.video_path == str(demo_clip.resolve())
    assert metadata.total_analyzers == metadata.successful_analyzers == len(document.analyzer_results)
    assert metadata.reconstruction_score == pytest.approx(100.0)
    assert metadata.processing_time_seconds > 0
    assert not list((tmp_path / "cache" / "reelscope" / "runs").iterdir())


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"This is no video at all.\n" * 50, ""), (b"\0\0\0\x18ftypmp42" + b"\0" * 400, "")],
    ids=["empty", "text", "broken"],
)
def test_bad_media_is_told_soon(stack: RunningStack, tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    started = time.monotonic()
    ran = analyze(path, "--out", tmp_path / "out", stack=stack)
    assert time.monotonic() - started < BAD_INPUT_S + 2.0, "two more for the command itself on a busy machine"
    assert ran.returncode == 2, ran.stderr
    assert reason in report_of(ran)["clips"][0]["reason"]
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [("--analyzers", "no_such_analyzer"), ("--profile", "full")],
    ids=["unknown analyzer", "profile that does not run"],
)
def test_requests_that_make_no_sense_are_refused(
    stack: RunningStack, demo_clip: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ran = analyze(demo_clip, "--out", tmp_path, *arguments, stack=stack)
    assert ran.returncode == 2, ran.stderr
    assert arguments[1] in report_of(ran)["clips"][0]["reason"]


def test_an_address_that_cannot_be_reached_is_bad_input(stack: RunningStack, tmp_path: Path) -> None:
    ran = analyze("http://127.0.0.1:9/clip.mp4", "--out", tmp_path, stack=stack)
    assert ran.returncode == 2, ran.stderr


def test_an_address_is_downloaded_and_named_after_itself(stack: RunningStack, website: str, tmp_path: Path) -> None:
    ran = analyze(f"{website}/demo.mp4", "--analyzers", "audio_analysis", "--out", tmp_path, stack=stack)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert report_of(ran)["clips"][0]["analyzers"] == {"audio_analysis": "succeeded"}
    assert (tmp_path / "demo.json").is_file()


def test_a_folder_of_clips_becomes_a_folder_of_documents(stack: RunningStack, demo_clip: Path, tmp_path: Path) -> None:
    for name in ("one.mp4", "more/one.mp4", "more/bad.mp4"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / name).write_bytes(demo_clip.read_bytes() if "one" in name else b"no")
    ran = analyze(tmp_path / "clips", "--analyzers", "audio_analysis", "--out", tmp_path / "out", stack=stack)
    assert ran.returncode == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one-2.json", "one.json"]
    assert [clip["exit_code"] for clip in report_of(ran)["clips"]] == [2, 0, 0]


async def test_the_client_watches_a_job_by_path(stack: RunningStack, demo_clip: Path) -> None:
    async with ReelscopeClient(stack.url) as client:
        job = await client.submit_path(demo_clip, analyzers=["audio_analysis", "audio_environment"])
        events = [event async for event in client.watch(job.job_id)]
        again = [event async for event in client.watch(job.job_id, after_sequence=events[2].sequence)]
        document = await client.result(job.job_id)
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    assert again == events[3:]
    assert events[-1].job.state == "succeeded"
    assert set(document.analyzer_results) == {"audio_analysis", "audio_environment"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_command_nothing_is_left(number: signal.Signals, demo_clip: Path, tmp_path: Path) -> None:
    running = subprocess.Popen(
        command("analyze", demo_clip, "--out", tmp_path / "out"),
        env=stack_environment(tmp_path / "cache"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    while "analyzing" not in (line := running.stderr.readline()):
        assert line, "it ended too soon"
    everyone = [(pid, os.pidfd_open(pid)) for pid in descendants(running.pid)]
    assert len(everyone) >= 6
    running.send_signal(number)
    assert running.wait(GONE_S) == (-signal.SIGKILL if number == signal.SIGKILL else 128 + number)
    running.stderr.close()
    for pid, handle in everyone:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(GONE_S * 1000), f"process {pid} is left"
        os.close(handle)
        assert ProcessIdentity.of(pid) is None
    leftovers = [path for path in (tmp_path / "cache" / "reelscope" / "runs").glob("*") if number != signal.SIGKILL]
    assert not leftovers
    assert not list((tmp_path / "out").iterdir())
