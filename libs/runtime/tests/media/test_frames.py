from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import clips
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from reelscope_runtime.media import decoding as decoding_module
from reelscope_runtime.media.host import Decoding, MediaHost
from reelscope_runtime.media.items import AnyItem, FrameSpec, Spec
from reelscope_runtime.media.picture import Orientation, Painter, Target
from reelscope_runtime.media.probing import probe
from reelscope_runtime.media.source import Limits
from reelscope_runtime.media.tracks import Output

WHOLE = FrameSpec(4096, 4096)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def run(host: MediaHost, path: Path, **specs: Spec) -> tuple[dict[str, list[AnyItem]], Decoding]:
    info = host.probe(path)
    items: dict[str, list[AnyItem]] = {key: [] for key in specs}
    with host.decode(path, info, specs) as decoding:
        for key, item in decoding:
            items[key].append(item)
    return items, decoding


def corners(picture: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Colours in the middle of the four quarters, row by row, to 0 or 255."""
    height, width = picture.shape[:2]
    at = [(height // 4, width // 4), (height // 4, 3 * width // 4)]
    at += [(3 * height // 4, width // 4), (3 * height // 4, 3 * width // 4)]
    return [tuple(int(value > 127) * 255 for value in picture[y, x]) for y, x in at]


@pytest.mark.parametrize(
    ("turn", "degrees", "expected"),
    [
        ((0.0, False), 0, [RED, GREEN, BLUE, WHITE]),
        ((-90.0, False), 90, [BLUE, RED, WHITE, GREEN]),
        ((180.0, False), 180, [WHITE, BLUE, GREEN, RED]),
        ((90.0, False), 270, [GREEN, WHITE, RED, BLUE]),
        ((0.0, True), 0, [GREEN, RED, WHITE, BLUE]),
    ],
)
def test_rotation_is_applied(
    host: MediaHost, tmp_path: Path, turn: tuple[float, bool], degrees: int, expected: list[tuple[int, ...]]
) -> None:
    path = clips.make(
        tmp_path / "r.mov", [clips.quadrants()], codec="png", pixel_format="rgb24", rotation=turn[0], hflip=turn[1]
    )
    info = host.probe(path)
    size = (48, 64) if degrees in {90, 270} else (64, 48)
    assert (info.video.width, info.video.height) == size
    assert (info.video.coded_width, info.video.coded_height) == (64, 48)
    assert info.video.rotation_degrees == degrees
    items, _ = run(host, path, whole=WHOLE, small=FrameSpec(20, 20), box=FrameSpec(40, 40, fit="letterbox"))
    assert items["whole"][0].value.shape == (size[1], size[0], 3)
    for key in ("whole", "small"):
        assert corners(items[key][0].value) == expected
    assert items["box"][0].value.shape == (40, 40, 3)
    bars = items["box"][0].value[:, :4] if degrees in {90, 270} else items["box"][0].value[:4]
    assert not bars.any()


def test_non_square_pixels_are_made_square(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(
        tmp_path / "s.mp4", [clips.quadrants()] * 3, codec="libx264", pixel_format="yuv420p", aspect=Fraction(4, 3)
    )
    info = host.probe(path)
    assert (info.video.width, info.video.height) == (85, 48)
    assert (info.video.coded_width, info.video.coded_height) == (64, 48)
    items, _ = run(host, path, whole=WHOLE)
    assert items["whole"][0].value.shape == (48, 85, 3)


def test_times_are_the_timestamps_of_a_variable_rate(host: MediaHost, tmp_path: Path) -> None:
    times = [0.2, 0.233, 0.3, 0.9, 0.94, 2.0]
    path = clips.make(tmp_path / "v.mkv", [clips.gray(40 * n) for n in range(6)], times)
    items, decoding = run(host, path, every=WHOLE)
    got = [(item.time_s, item.end_s) for item in items["every"]]
    expected = [time - 0.2 for time in times]
    assert [time for time, _ in got] == pytest.approx(expected, abs=1e-6)
    assert [end for _, end in got[:-1]] == pytest.approx(expected[1:], abs=1e-6)
    assert got[-1][1] > got[-1][0]
    assert decoding.video_end_s == got[-1][1]
    assert [item.index for item in items["every"]] == list(range(6))
    for number, item in enumerate(items["every"]):
        assert abs(float(item.value.mean()) - 40 * number) <= 1.5


@pytest.mark.parametrize(
    ("fps", "wanted", "every"), [(30, 10.0, 3), (120, 30.0, 4), (25, 5.0, 5), (30, 60.0, 1), (24, 24.0, 1)]
)
def test_a_rate_picks_evenly(host: MediaHost, tmp_path: Path, fps: int, wanted: float, every: int) -> None:
    path = clips.make(tmp_path / "r.mp4", [clips.gray(100, 32, 32)] * (2 * fps), fps=fps, codec="mpeg4", pixel_format="yuv420p")
    items, decoding = run(host, path, picked=FrameSpec(16, 16, wanted))
    assert [item.index for item in items["picked"]] == list(range(0, 2 * fps, every))
    assert decoding.frames_decoded == 2 * fps


def test_uneven_rate_keeps_the_mean(host: MediaHost, tmp_path: Path) -> None:
    """30 fps in a container that rounds to milliseconds, 12 wanted: two or three frames apart, 24 in 2 s."""
    path = clips.make(tmp_path / "r.mkv", [clips.gray(100, 32, 32)] * 60, [n / 30 for n in range(60)])
    items, _ = run(host, path, picked=FrameSpec(16, 16, 12.0))
    indices = [item.index for item in items["picked"]]
    assert len(indices) == 24
    assert set(np.diff(indices).tolist()) <= {2, 3}


def test_all_specifications_share_one_decoding(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "a.mkv", [clips.quadrants()] * 50, tracks=[clips.Track(clips.tone(2.0))])
    same = FrameSpec(32, 24, fit="stretch")
    items, decoding = run(host, path, a=same, b=same, c=FrameSpec(16, 16, 5.0, "letterbox"), d=FrameSpec(64, 64, 10.0))
    assert decoding.frames_decoded == 50
    assert len(items["a"]) == len(items["b"]) == 50
    assert all(one.value is other.value for one, other in zip(items["a"], items["b"], strict=True))
    assert (len(items["c"]), len(items["d"])) == (10, 20)
    assert not items["a"][0].value.flags.writeable
    assert decoding.decode_s > 0


def test_one_size_at_several_rates_is_one_picture(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "a.mkv", [clips.quadrants()] * 50)
    items, _ = run(host, path, every=FrameSpec(32, 24), some=FrameSpec(32, 24, 5.0))
    pictures = {item.index: item.value for item in items["every"]}
    assert len(items["some"]) == 10
    assert all(item.value is pictures[item.index] for item in items["some"])


def test_inside_never_enlarges_and_follows_a_vertical_clip(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "t.mkv", [clips.quadrants(40, 80)])
    items, _ = run(host, path, big=FrameSpec(640, 360), small=FrameSpec(40, 20), wide=FrameSpec(90, 30, fit="stretch"))
    assert items["big"][0].value.shape == (80, 40, 3)
    assert items["small"][0].value.shape == (40, 20, 3)
    assert items["wide"][0].value.shape == (30, 90, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (17, 9)])
def test_tiny_and_odd_pictures(host: MediaHost, tmp_path: Path, size: tuple[int, int]) -> None:
    path = clips.make(tmp_path / "t.mov", [clips.gray(200, *size)], codec="png", pixel_format="rgb24")
    items, _ = run(
        host,
        path,
        whole=WHOLE,
        up=FrameSpec(48, 27, fit="stretch"),
        box=FrameSpec(33, 33, fit="letterbox"),
        one=FrameSpec(1, 1),
    )
    assert items["whole"][0].value.shape == (size[1], size[0], 3)
    assert items["up"][0].value.shape == (27, 48, 3)
    for item in (items["whole"][0], items["up"][0], items["one"][0]):
        assert np.abs(item.value.astype(int) - 200).max() <= 2


@pytest.mark.parametrize(
    ("tags", "pixel_format", "size"),
    [
        ({"colorspace": 1, "color_range": 1}, "yuv444p", (64, 48)),
        ({"colorspace": 5, "color_range": 1}, "yuv444p", (64, 48)),
        ({"colorspace": 5, "color_range": 2}, "yuvj444p", (64, 48)),
        ({"colorspace": 1, "color_range": 1}, "yuv444p10le", (64, 48)),
    ],
)
def test_colours_survive(
    host: MediaHost, tmp_path: Path, tags: dict[str, int], pixel_format: str, size: tuple[int, int]
) -> None:
    """YUV made here by the definition (ITU-R BT.601, BT.709), so that neither matrix nor range can be taken for another."""
    colours = np.array([(200, 30, 60), (20, 180, 90), (40, 60, 220), (128, 128, 128), (255, 255, 255), (0, 0, 0)], float)
    red, blue = (0.2126, 0.0722) if tags["colorspace"] == 1 else (0.299, 0.114)
    bits = 10 if pixel_format.endswith("10le") else 8
    rgb = colours / 255
    luma = rgb @ [red, 1 - red - blue, blue]
    cb, cr = (rgb[:, 2] - luma) / (2 - 2 * blue), (rgb[:, 0] - luma) / (2 - 2 * red)
    top = 2**bits - 1
    scale = 2 ** (bits - 8)
    full = tags["color_range"] == 2
    y = luma * (top if full else 219 * scale) + (0 if full else 16 * scale)
    u, v = (c * (top if full else 224 * scale) + 128 * scale for c in (cb, cr))
    kind = np.uint16 if bits > 8 else np.uint8
    for number, expected in enumerate(colours):
        planes = [np.full((size[1], size[0]), round(float(c[number])), kind) for c in (y, u, v)]
        path = clips.make_planes(tmp_path / f"{number}.mkv", planes, pixel_format, tags)
        items, _ = run(host, path, whole=WHOLE)
        assert np.abs(items["whole"][0].value.astype(float) - expected).max() <= 3, (number, items["whole"][0].value[0, 0])


@pytest.mark.parametrize("size", [(96, 64), (1280, 720), (720, 1280)])
def test_what_is_made_from_rgb_without_a_label_comes_back(host: MediaHost, tmp_path: Path, size: tuple[int, int]) -> None:
    """As FFmpeg's, OpenCV's and PyAV's users make clips: the matrix is BT.601 then, whatever the size."""
    picture = np.full((size[1], size[0], 3), (200, 30, 60), np.uint8)
    path = clips.make(tmp_path / "made.mp4", [picture] * 2, codec="libx264", pixel_format="yuv420p")
    items, _ = run(host, path, whole=WHOLE)
    middle = items["whole"][0].value[size[1] // 2, size[0] // 2].astype(int)
    assert np.abs(middle - (200, 30, 60)).max() <= 4


FORMATS = (
    "yuv420p", "yuv422p", "yuvj444p", "nv12", "yuyv422", "yuv420p10le", "yuv444p12le", "gray", "gray10le", "gray16le", "monow",
    "rgb24", "bgr24", "rgb565le", "rgb555le", "bgr8", "gbrp", "gbrp10le", "rgb48le",
)  # fmt: skip


@pytest.mark.parametrize("size", [(64, 48), (33, 25), (20, 20)])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_planes_have_the_colours_of_pixels(pixel_format: str, size: tuple[int, int]) -> None:
    """What the scaler gives as planes, for their speed, is what it gives as pixels, to a grey level."""
    rng = np.random.default_rng(7)
    smooth = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(12, axis=0).repeat(16, axis=1)
    frame = VideoFrame.from_ndarray(smooth, format="rgb24").reformat(format=pixel_format)
    painted = Painter(Target(*size), threads=1).paint(frame, Orientation())
    pixels = VideoReformatter().reformat(
        frame,
        *size,
        "rgb24",
        src_colorspace=None if frame.format.is_rgb else Colorspace.ITU601,
        interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
    )
    assert np.abs(painted.astype(int) - pixels.to_ndarray()).max() <= 1


def test_ten_bits(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "t.mp4", [clips.gray(150)] * 4, codec="libx264", pixel_format="yuv420p10le")
    info = host.probe(path)
    assert info.video.bit_depth == 10
    items, _ = run(host, path, whole=WHOLE)
    assert np.abs(items["whole"][0].value.astype(int) - 150).max() <= 3


def test_alpha_stands_on_black(host: MediaHost, tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[..., :3] = 200
    picture[:, :32, 3] = 255
    picture[:24, 32:, 3] = 128
    path = clips.make(tmp_path / "a.mov", [picture], codec="png", pixel_format="rgba", frame_format="rgba")
    info = host.probe(path)
    assert info.video.has_alpha
    items, _ = run(host, path, whole=WHOLE)
    value = items["whole"][0].value.astype(int)
    assert abs(value[10, 10, 0] - 200) <= 1
    assert abs(value[10, 50, 0] - 100) <= 1
    assert value[40, 50].max() == 0


def test_fine_patterns_are_averaged_not_aliased(host: MediaHost, tmp_path: Path) -> None:
    picture = np.zeros((270, 480, 3), np.uint8)
    picture[:, ::2] = 255
    path = clips.make(tmp_path / "p.mov", [picture], codec="png", pixel_format="rgb24")
    items, _ = run(host, path, small=FrameSpec(48, 27, fit="stretch"))
    assert np.abs(items["small"][0].value.astype(int) - 128).max() <= 6


def test_extreme_shrinking(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "p.mkv", [clips.gray(90, 4096, 16)])
    items, _ = run(host, path, one=FrameSpec(1, 1, fit="stretch"), line=FrameSpec(4, 400, fit="stretch"))
    assert np.abs(items["one"][0].value.astype(int) - 90).max() <= 2
    assert items["line"][0].value.shape == (400, 4, 3)


def test_one_frame(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "o.mp4", [clips.gray(90)], codec="mpeg4", pixel_format="yuv420p")
    items, decoding = run(host, path, whole=WHOLE, slow=FrameSpec(8, 8, 0.5))
    assert len(items["whole"]) == len(items["slow"]) == 1
    assert items["whole"][0].time_s == 0.0
    assert decoding.video_end_s == pytest.approx(0.04, abs=1e-3)


def test_without_a_working_gpu_the_processor_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device file is there but no driver behind it: "auto" and "cuda" fall back."""
    monkeypatch.setattr(decoding_module, "NVIDIA_DEVICES", (Path("/dev/null"),))
    path = clips.make(tmp_path / "g.mp4", [clips.gray(90)] * 5, codec="libx264", pixel_format="yuv420p")
    limits = Limits(max_pixels=10**6, max_duration_s=60.0, threads=1)
    info = probe(str(path), limits, 4.0)
    for hwaccel in ("auto", "cuda"):
        kinds: list[str] = []
        output = Output(lambda header, _, kinds=kinds: kinds.append(header["type"]))  # type: ignore[misc]
        decoding_module.decode(str(path), info, {"v": FrameSpec(8, 8)}, limits=limits, hwaccel=hwaccel, output=output)
        assert kinds == ["item"] * 5 + ["end"]
