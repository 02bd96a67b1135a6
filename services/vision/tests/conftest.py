"""What the vision service's tests share: real decoding, real models, the real engine, and clips made to order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult, Segment
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.run import Cancellation, Run
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.settings import MediaSettings, ModelSettings
from reelscope_vision.analyzers import ANALYZERS
from reelscope_vision.features import FEATURES

sys.path.insert(0, str(Path(__file__).parent))  # for `faces_lab` and `movenet_lab`, which its tests share

SHARED_MEDIA = Path(__file__).resolve().parents[3].parent / "shared" / "media"

Frames = NDArray[np.uint8]
Analyze = Callable[..., AnalyzerResult]
MakeClip = Callable[..., Path]
DeltaE = Callable[[str, str], float]


class RecordingSink:
    """Keeps what a run tells, as a client would see it."""

    def __init__(self) -> None:
        self.streamed: list[Segment] = []

    def progress(self, fraction: float, media_time_s: float) -> None:
        del fraction, media_time_s

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        del analyzer
        assert first_index == len(self.streamed)
        self.streamed.extend(segments)

    def result(self, result: AnalyzerResult) -> None:
        del result


@pytest.fixture(scope="session")
def media_host() -> Iterator[MediaHost]:
    with MediaHost(MediaSettings()) as host:
        yield host


@pytest.fixture(scope="session")
def models() -> Iterator[ModelPool]:
    settings = ModelSettings(profile="lite")
    with ModelPool(ModelStore(Manifest.load("reelscope_vision"), settings), settings, {"onnx": load_onnx}) as pool:
        yield pool


@pytest.fixture
def analyze(media_host: MediaHost, models: ModelPool) -> Analyze:
    """Runs one analyzer over a file as the service does; the result must succeed and keep to the contract."""

    def run(path: Path, name: str) -> AnalyzerResult:
        info = media_host.probe(path)
        work = Run(
            Catalog(FEATURES, ANALYZERS),
            [name],
            media=info,
            options=AnalyzeOptions(),
            lease=models.lease,
            sink=RecordingSink(),
            threads=2,
        )
        (result,) = work.execute(lambda specs: media_host.decode(path, info, specs), Cancellation(), 60.0)
        assert result.status == "succeeded", result.problem
        assert not list(invalid_values(result))
        assert result.coverage == pytest.approx(1.0, abs=0.02)
        return result

    return run


@pytest.fixture
def media() -> Callable[[str], Path]:
    """Path of a shared media file; skips the test where it is not there."""

    def find(name: str) -> Path:
        path = SHARED_MEDIA / name
        if not path.exists():
            pytest.skip(f"shared media {name} is not here")
        return path

    return find


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Encodes frames, [n, height, width, 3] RGB, as H.264 with 4:2:0 and BT.709, like a phone's clip."""

    def make(frames: Frames, *, rate: int = 25, name: str = "clip.mp4", crf: int = 18) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=Fraction(rate), options={"crf": str(crf), "preset": "veryfast"})
            assert isinstance(stream, av.VideoStream)
            stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
            stream.color_range, stream.colorspace, stream.color_primaries, stream.color_trc = 1, 1, 1, 1
            for picture in frames:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                for packet in stream.encode(frame):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return make


@pytest.fixture
def delta_e() -> DeltaE:
    """CIEDE2000, to judge palettes by."""
    return delta_e_2000


def delta_e_2000(first: str, second: str) -> float:
    """Difference of two #rrggbb colours; 1 is just noticeable.

    Sharma, Wu, Dalal, The CIEDE2000 Color-Difference Formula, 2005.
    """
    (l1, a1, b1), (l2, a2, b2) = _lab(first), _lab(second)
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    turn = ((h2 - h1 + 180) % 360 - 180) if c1 * c2 else 0.0
    lightness, chroma, hue = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    t = (
        1
        - 0.17 * np.cos(np.radians(mh - 30))
        + 0.24 * np.cos(np.radians(2 * mh))
        + 0.32 * np.cos(np.radians(3 * mh + 6))
        - 0.20 * np.cos(np.radians(4 * mh - 63))
    )
    sl = 1 + 0.015 * (ml - 50) ** 2 / np.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    rotation = -2 * np.sqrt(mc**7 / (mc**7 + 25**7)) * np.sin(np.radians(60 * np.exp(-(((mh - 275) / 25) ** 2))))
    return float(np.sqrt((lightness / sl) ** 2 + (chroma / sc) ** 2 + (hue / sh) ** 2 + rotation * (chroma / sc) * (hue / sh)))


def _lab(text: str) -> tuple[float, float, float]:
    rgb = np.frombuffer(bytes.fromhex(text[1:]), np.uint8).astype(np.float32).reshape(1, 1, 3) / 255
    lightness, a, b = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).reshape(3).tolist()
    return lightness, a, b
