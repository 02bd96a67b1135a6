"""VisionService.AnalyzeImage over gRPC, in the test's own loop: pictures as clients send them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import grpc
import numpy as np
import pytest

from reelscope.vision.v1 import vision_pb2_grpc
from reelscope.vision.v1.vision_pb2 import AnalyzeImageRequest, AnalyzeImageResponse
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.store import MediaStore
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.server.grpc_server import GrpcServer
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_runtime.settings import RuntimeSettings
from reelscope_vision.main import SERVICE
from support import pictures

STILLS = {"object_detection", "color_analysis", "face_detection", "age_estimation", "eye_tracking", "face_emotion", "body_pose"}


@pytest.fixture
async def stub() -> AsyncIterator[vision_pb2_grpc.VisionServiceAsyncStub]:
    settings, metrics = RuntimeSettings(), Metrics()
    pool = ModelPool(ModelStore(Manifest.load(SERVICE.package), settings.models), settings.models, {"onnx": load_onnx})
    host = MediaHost(settings.media)
    runner = TaskRunner(
        "vision",
        Catalog(SERVICE.features, SERVICE.analyzers),
        settings=settings,
        pool=pool,
        host=host,
        media=MediaStore(settings.media, None),
        results=None,
        metrics=metrics,
    )
    server = GrpcServer(
        settings.grpc, metrics, [(SERVICE.grpc_name, lambda grpc_server: SERVICE.add_servicer(runner, grpc_server))]
    )
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield vision_pb2_grpc.VisionServiceStub(channel)
    await server.drain(0)
    host.close()
    runner.close()
    pool.close()


async def seen(stub: vision_pb2_grpc.VisionServiceAsyncStub, image: bytes, *names: str) -> AnalyzeImageResponse:
    return await stub.AnalyzeImage(AnalyzeImageRequest(image=image, analyzers=names))


async def test_a_portrait(stub: vision_pb2_grpc.VisionServiceAsyncStub, shared_media: Path) -> None:
    answer = await seen(stub, (shared_media / "age_face" / "portrait_obama_2012.jpg").read_bytes())
    assert (answer.width, answer.height) == (820, 1024)
    assert set(answer.analyzer_results) == {kind.name for kind in SERVICE.analyzers if kind.stills}
    assert set(answer.analyzer_results) >= STILLS
    assert not list(invalid_values(answer))
    results = answer.analyzer_results
    assert {result.status for result in results.values()} == {"succeeded"}
    assert results["face_detection"].summary.face.max_simultaneous == 1
    assert results["age_estimation"].segments[0].age.years == pytest.approx(51, abs=8)
    assert results["face_emotion"].summary.emotion.dominant == "happy"
    assert results["eye_tracking"].segments[0].gaze.looking_at_camera
    assert "person" in {label.label for label in results["object_detection"].summary.object.labels}
    assert results["color_analysis"].segments[0].color.palette


@pytest.mark.parametrize("form", [".png", ".webp", ".bmp"])
async def test_other_forms_and_chosen_analyzers(form: str, stub: vision_pb2_grpc.VisionServiceAsyncStub) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, 80:] = (255, 0, 0)  # blue, in OpenCV's order
    answer = await seen(stub, cv2.imencode(form, picture)[1].tobytes(), "color_analysis")
    assert (answer.width, answer.height) == (160, 90)
    (name,) = answer.analyzer_results
    assert answer.analyzer_results[name].version == Catalog(SERVICE.features, SERVICE.analyzers).version_of(name)
    shares = {color.hex: color.share for color in answer.analyzer_results[name].segments[0].color.palette}
    assert len(shares) == 2
    assert all(share == pytest.approx(0.5, abs=0.03) for share in shares.values())


@pytest.mark.parametrize("size", [(1, 1), (3, 2000)])
async def test_tiny_and_thin_pictures(size: tuple[int, int], stub: vision_pb2_grpc.VisionServiceAsyncStub) -> None:
    answer = await seen(stub, cv2.imencode(".png", np.full((*size, 3), 128, np.uint8))[1].tobytes())
    assert {result.status for result in answer.analyzer_results.values()} == {"succeeded"}
    assert not answer.analyzer_results["face_detection"].segments


@pytest.mark.parametrize(
    ("image", "names", "code", "text"),
    [
        (b"", (), grpc.StatusCode.INVALID_ARGUMENT, "image is empty"),
        (b"no picture at all", (), grpc.StatusCode.INVALID_ARGUMENT, "can't be read as a picture: send JPEG"),
        (b"x", ("cut_analysis",), grpc.StatusCode.INVALID_ARGUMENT, "can't be told from one picture"),
        (b"x", ("nonsense",), grpc.StatusCode.INVALID_ARGUMENT, "nonsense"),
    ],
)
async def test_what_is_wrong_is_said(
    image: bytes, names: tuple[str, ...], code: grpc.StatusCode, text: str, stub: vision_pb2_grpc.VisionServiceAsyncStub
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await seen(stub, image, *names)
    assert caught.value.code() == code
    assert text in (caught.value.details() or "")


async def test_a_clip_is_no_picture(stub: vision_pb2_grpc.VisionServiceAsyncStub, tmp_path: Path) -> None:
    clip = pictures.write(tmp_path / "clip.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 60)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await seen(stub, clip.read_bytes())
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "a clip of 2.4 s" in (caught.value.details() or "")
