"""A client in another language: Node with @grpc/grpc-js, from the protos alone, calls every service."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reelscope_cli.stack.environment import SERVICES, StackOptions
from reelscope_cli.stack.local import LocalStack

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_THE_DEMO = {"hand_gesture"}
CLIENT = Path(__file__).parent / "node_client"

pytestmark = [
    pytest.mark.skipif(shutil.which("npm") is None, reason="no Node.js here"),
    # npm's first download, a stack's start and the analysis of a clip by four services.
    pytest.mark.timeout(240),
]


async def run(*command: str | Path, folder: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


@pytest.fixture
async def node(tmp_path: Path) -> Path:
    """The client with its packages installed."""
    folder = tmp_path / "client"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules"))
    code, _, error = await run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", folder=folder)
    assert code == 0, error
    return folder


async def call(node: Path, service: str, port: int, uri: str, *analyzers: str) -> dict[str, Any]:
    command = ("node", "client.js", ROOT / "protos", service, f"127.0.0.1:{port}", uri, *analyzers)
    _, out, error = await run(*command, folder=node)
    assert out, error
    answer: dict[str, Any] = json.loads(out)
    return answer


async def test_a_node_client_calls_every_service(node: Path, tmp_path: Path) -> None:
    async with LocalStack(tmp_path / "stack", StackOptions()) as stack:
        clip = stack.folder / "media" / "demo.mp4"
        clip.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "samples" / "demo.mp4", clip)
        ports = {process.name: process.ports["grpc"] for process in stack.processes if process.name in SERVICES}
        for service, port in ports.items():
            answer = await call(node, service, port, clip.as_uri())
            assert {one["name"] for one in answer["analyzers"]} == set(answer["results"]), answer
            for name, result in answer["results"].items():
                assert (result["status"], result["coverage"]) == ("succeeded", 1)
                assert answer["segments"].get(name, 0) == result["segments"]
                assert result["segments"] > 0 or name in NOT_IN_THE_DEMO
        cut = (await call(node, "vision", ports["vision"], clip.as_uri(), "cut_analysis"))["results"]["cut_analysis"]
        assert cut["first"]["cut"]["kind"] == "hard"
        assert cut["first"]["cut"]["frame"] == 108
        outside = await call(node, "audio", ports["audio"], "file:///etc/hostname")
        assert outside["error"]["code"] == 7, "PERMISSION_DENIED"
        unknown = await call(node, "speech", ports["speech"], clip.as_uri(), "nonsense")
        assert unknown["error"]["code"] == 3, "INVALID_ARGUMENT"
        assert "speech_transcription" in unknown["error"]["details"]
