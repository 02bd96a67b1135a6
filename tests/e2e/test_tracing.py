"""One job is one trace: its context goes from the gateway over the bus into the services; each process exports its spans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from reelscope_cli.client import ReelscopeClient
from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.local import LocalStack
from support.jobs import Watched


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans as an OTLP collector does; keeps (service, span name) by trace id."""

    def __init__(self) -> None:
        self.traces: dict[bytes, set[tuple[str, str]]] = defaultdict(set)

    async def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: object) -> object:  # noqa: N802
        for resource in request.resource_spans:
            names = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.traces[span.trace_id].add((names["service.name"], span.name))
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, int]]:
    server, servicer = grpc.aio.server(), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, port
    await server.stop(0)


@pytest.mark.timeout(120)
async def test_a_job_is_one_trace_through_all_processes(
    collector: tuple[Collector, int], demo_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, port = collector
    monkeypatch.setenv("REELSCOPE_TRACING__OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    options = StackOptions(media_roots=[demo_clip.parent])
    async with LocalStack(tmp_path / "stack", options) as stack, ReelscopeClient(stack.gateway_url) as client:
        job = await client.submit_path(demo_clip, analyzers=["audio_analysis", "speech_transcription"])
        assert (await Watched(client, job).run()).state == "succeeded"
    whole = [trace for trace in spans.traces.values() if ("reelscope-audio", "task") in trace]
    assert len(whole) == 1
    services = {service for service, _ in whole[0]}
    assert services == {"reelscope-gateway", "reelscope-audio", "reelscope-speech"}
    assert ("reelscope-speech", "analyze") in whole[0]
