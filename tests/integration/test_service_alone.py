"""One service as its README runs it alone: no bus, gRPC only; health, reflection, errors, metrics, drain."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from reelscope.analysis.v1.analysis_pb2 import AnalyzeRequest, ListAnalyzersRequest
from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope.temporal.v1 import temporal_pb2_grpc
from reelscope.temporal.v1.temporal_pb2 import AskRequest
from reelscope_runtime.settings import ModelSettings

ROOT = Path(__file__).resolve().parents[2]
NAME = "reelscope.temporal.v1.TemporalService"


@dataclass
class Alone:
    process: subprocess.Popen[bytes]
    grpc: int
    http: int
    media: Path

    def fetch(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
            return answer.read().decode()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    folder = tmp_path_factory.mktemp("alone")
    ready = folder / "ready.json"
    shutil.copy(ROOT / "samples" / "demo.mp4", folder)
    environment = {
        **os.environ,
        "REELSCOPE_NATS__URL": "",
        "REELSCOPE_MEDIA__ROOT": str(folder),
        "REELSCOPE_MODELS__FOLDER": str(ModelSettings().folder),
        "REELSCOPE_READY_FILE": str(ready),
        "REELSCOPE_PARENT_PID": str(os.getpid()),
    }
    with subprocess.Popen([sys.executable, "-m", "reelscope_temporal.main"], env=environment) as process:
        try:
            while not ready.exists():
                with pytest.raises(subprocess.TimeoutExpired):  # it ended before it was ready
                    process.wait(0.1)
            ports = json.loads(ready.read_text())
            yield Alone(process, ports["grpc"], ports["http"], folder)
        finally:
            process.kill()


@pytest.fixture
def channel(service: Alone) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{service.grpc}") as made:
        yield made


def test_health_and_reflection_name_the_service(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("", NAME):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert NAME in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_a_direct_client_gets_events_and_results(service: Alone, channel: grpc.Channel) -> None:
    stub = temporal_pb2_grpc.TemporalServiceStub(channel)
    (listed,) = stub.ListAnalyzers(ListAnalyzersRequest()).analyzers
    assert (listed.name, listed.available, listed.detail, list(listed.media)) == (
        "qwen2_vl_temporal",
        True,
        "description",
        ["video"],
    )
    media = MediaRef(uri=(service.media / "demo.mp4").as_uri())
    events = list(stub.Analyze(AnalyzeRequest(media=media)))
    assert events[0].progress.stage == "started"
    told = [segment for event in events for segment in event.segments.segments]
    result = events[-1].result
    assert result.status == "succeeded"
    assert sorted(s.SerializeToString() for s in told) == sorted(s.SerializeToString() for s in result.segments)
    nodes = {node.node: node for node in result.timing.nodes}
    assert nodes["decoder"].items == 612, "every frame decoded once"
    metrics = service.fetch("/metrics")
    assert 'reelscope_decodes_total{service="temporal"} 1.0' in metrics
    assert 'reelscope_frames_decoded_total{service="temporal"} 612.0' in metrics
    assert 'reelscope_model_loaded{model="nanodet"} 1.0' in metrics
    assert json.loads(service.fetch("/readyz")) == {"status": "ok", "missing": []}


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (AnalyzeRequest(), grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"),
        (AnalyzeRequest(analyzers=["nothing"]), grpc.StatusCode.INVALID_ARGUMENT, "unknown_analyzer"),
        (AnalyzeRequest(media=MediaRef(uri="file:///etc/passwd")), grpc.StatusCode.PERMISSION_DENIED, "forbidden"),
        (AnalyzeRequest(media=MediaRef(uri="gopher://x")), grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"),
        (AnalyzeRequest(media=MediaRef(uri="x"), profile="full"), grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"),
    ],
)
def test_errors_have_their_status_and_their_code(
    channel: grpc.Channel, request_: AnalyzeRequest, status: grpc.StatusCode, code: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(temporal_pb2_grpc.TemporalServiceStub(channel).Analyze(request_))
    assert caught.value.code() == status
    assert dict(caught.value.trailing_metadata())["reelscope-code"] == code
    assert len(caught.value.details()) > 10


def test_a_missing_file_is_not_found(service: Alone, channel: grpc.Channel) -> None:
    request = AnalyzeRequest(media=MediaRef(uri=(service.media / "none.mp4").as_uri()))
    with pytest.raises(grpc.RpcError) as caught:
        list(temporal_pb2_grpc.TemporalServiceStub(channel).Analyze(request))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_what_the_storyboard_cannot_do_it_says(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(temporal_pb2_grpc.TemporalServiceStub(channel).Ask(AskRequest(question="Who is it?")))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "vision-language model" in caught.value.details()


def test_sigterm_drains_and_ends_well(service: Alone, channel: grpc.Channel) -> None:
    media = MediaRef(uri=(service.media / "demo.mp4").as_uri())
    call = temporal_pb2_grpc.TemporalServiceStub(channel).Analyze(AnalyzeRequest(media=media))
    next(call)
    watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
    service.process.send_signal(signal.SIGTERM)
    assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watching.cancel()  # a watcher would hold the server for the whole grace period
    assert [event.result.status for event in call if event.HasField("result")] == ["succeeded"], "what runs may finish"
    assert service.process.wait(timeout=30) == 0
