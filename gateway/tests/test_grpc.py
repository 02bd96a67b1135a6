from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from gateway_kit.services import SEGMENTS, FakeService
from gateway_kit.stack import Client, gateway_client
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reelscope.analysis.v1.analysis_pb2 import ListAnalyzersRequest
from reelscope.gateway.v1.gateway_pb2 import (
    CancelJobRequest,
    GetJobRequest,
    GetResultRequest,
    JobEvent,
    ListJobsRequest,
    SubmitBatchRequest,
    SubmitJobRequest,
    Upload,
    WatchJobRequest,
)
from reelscope.gateway.v1.gateway_pb2_grpc import GatewayServiceStub
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.media.host import MediaHost

if TYPE_CHECKING:
    from reelscope.gateway.v1.gateway_pb2_grpc import GatewayServiceAsyncStub as Stub
else:
    Stub = GatewayServiceStub


@pytest.fixture
async def channel(client: Client) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{client.gateway.grpc_port}") as made:
        yield made


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    return Stub(channel)


async def test_from_submission_to_document(stub: Stub, clips: Path) -> None:
    content = (clips / "clip.mp4").read_bytes()
    request = SubmitJobRequest(upload=Upload(filename="a.mp4", content=content), analyzers=["cut_analysis"])
    job = await stub.SubmitJob(request)
    assert (job.state, job.source, job.source_kind) == ("queued", "a.mp4", "upload")
    events: list[JobEvent] = [event async for event in stub.WatchJob(WatchJobRequest(job_id=job.job_id))]
    assert events[-1].job.state == "succeeded"
    sequences = [event.sequence for event in events]
    assert sequences == sorted(set(sequences))
    rest = [event async for event in stub.WatchJob(WatchJobRequest(job_id=job.job_id, after_sequence=events[0].sequence))]
    assert rest == events[1:]
    document = await stub.GetResult(GetResultRequest(job_id=job.job_id))
    assert list(document.analyzer_results["cut_analysis"].segments) == SEGMENTS
    assert (await stub.GetJob(GetJobRequest(job_id=job.job_id))).state == "succeeded"
    listed = await stub.ListJobs(ListJobsRequest())
    assert [one.job_id for one in listed.jobs] == [job.job_id]


async def test_batch_and_analyzers(stub: Stub) -> None:
    batch = SubmitBatchRequest(jobs=[SubmitJobRequest(path="clip.mp4"), SubmitJobRequest(path="nothing.mp4")])
    answer = await stub.SubmitBatch(batch)
    assert [item.WhichOneof("outcome") for item in answer.items] == ["job", "problem"]
    names = [one.name for one in (await stub.ListAnalyzers(ListAnalyzersRequest())).analyzers]
    assert names == ["cut_analysis", "text_overlay", "audio_analysis"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (SubmitJobRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (SubmitJobRequest(path="/etc/passwd"), grpc.StatusCode.PERMISSION_DENIED),
        (SubmitJobRequest(path="nothing.mp4"), grpc.StatusCode.NOT_FOUND),
        (SubmitJobRequest(path="clip.mp4", analyzers=["nothing"]), grpc.StatusCode.INVALID_ARGUMENT),
        (SubmitJobRequest(upload=Upload(filename="x", content=b"no clip")), grpc.StatusCode.INVALID_ARGUMENT),
        (SubmitJobRequest(upload=Upload()), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_refusals(stub: Stub, request_: SubmitJobRequest, status: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.SubmitJob(request_)
    assert refused.value.code() == status
    assert refused.value.details()


async def test_unknown_jobs(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetJob(GetJobRequest(job_id="nothing"))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        async for _ in stub.WatchJob(WatchJobRequest(job_id="nothing")):
            pass
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_cancel_and_result_of_a_cancelled_job(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, audio: FakeService
) -> None:
    async with (
        FakeService(bus, "vision", {"cut_analysis": "silent"}).running(),
        gateway_client(settings, bus, host) as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{client.gateway.grpc_port}") as channel,
    ):
        stub = Stub(channel)
        job = await stub.SubmitJob(SubmitJobRequest(path="clip.mp4", analyzers=["cut_analysis"]))
        assert (await stub.CancelJob(CancelJobRequest(job_id=job.job_id))).state == "cancelled"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetResult(GetResultRequest(job_id=job.job_id))
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


async def test_health(channel: grpc.aio.Channel) -> None:
    answer = await health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service="reelscope.gateway.v1.GatewayService")
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
