"""Made transitions whose truth is known, through the real network; and its parts by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo, VideoStream
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_runtime.models import ModelPool
from reelscope_vision.features.shots import Shots
from reelscope_vision.shots import mixing
from reelscope_vision.shots.boundary_net import DRIFT_REACH, KEPT, MARGIN, BoundaryNet
from reelscope_vision.shots.history import History
from reelscope_vision.shots.spans import SpanReader
from reelscope_vision.shots.transition import Transition

Frames = NDArray[np.uint8]


def shot(seed: int, count: int, *, motion: float = 0.4) -> Frames:
    """A scene of soft shapes and a few sharp ones, filmed by hand: [count, 27, 48, 3]."""
    rng = np.random.default_rng(seed)
    scene = np.zeros((108, 192, 3), np.float32)
    for octave in range(2, 6):
        grid = rng.normal(size=(2**octave, 2**octave, 3)).astype(np.float32)
        scene += cv2.resize(grid, (192, 108), interpolation=cv2.INTER_CUBIC) * 0.6**octave
    scene = rng.uniform(40, 180, 3) + (scene - scene.mean()) / scene.std() * rng.uniform(25, 50)
    scene = np.ascontiguousarray(scene, np.float32)
    for _ in range(8):
        corner = rng.integers(0, (160, 80))
        cv2.rectangle(scene, corner.tolist(), (corner + rng.integers(10, 60, 2)).tolist(), rng.uniform(0, 255, 3).tolist(), -1)
    sway = np.cumsum(rng.normal(0, motion, (count, 2)), axis=0)
    pictures = [
        cv2.resize(
            cv2.warpAffine(scene, np.array([[1, 0, x], [0, 1, y]], np.float32), (192, 108), borderMode=cv2.BORDER_REFLECT),
            (48, 27),
            interpolation=cv2.INTER_AREA,
        )
        for x, y in sway
    ]
    return np.clip(np.stack(pictures), 0, 255).astype(np.uint8)


def mix(old: Frames, new: Frames, ratio: NDArray[np.float64]) -> Frames:
    weight = ratio.reshape(-1, *([1] * 3)) if ratio.ndim == 1 else ratio
    mixed: Frames = np.rint(old * (1 - weight) + new * weight).astype(np.uint8)
    return mixed


def dissolve(old: Frames, new: Frames, length: int) -> Frames:
    ratio = np.arange(1, length + 1) / (length + 1)
    return np.concatenate([old[:-length], mix(old[-length:], new[:length], ratio), new[length:]])


def wipe(old: Frames, new: Frames, length: int) -> Frames:
    edge = (np.arange(1, length + 1) / (length + 1))[:, None] * 48
    passed = (np.arange(48)[None] < edge).astype(float)[:, None, :, None]
    return np.concatenate([old[:-length], mix(old[-length:], new[:length], passed), new[length:]])


def transitions_of(model: Any, frames: Frames, *, rate: float = 25.0, times: Sequence[float] | None = None) -> list[Transition]:
    """Runs the feature over frames and holds it to what every feature promises."""
    times = list(times) if times is not None else [number / rate for number in range(len(frames) + 1)]
    media = MediaInfo(video=VideoStream(width=48, height=27, frame_rate=rate))
    node = Shots(NodeContext(media, AnalyzeOptions(), lambda _: model))
    found: list[Item[Transition]] = []
    promised = 0.0
    for number, picture in enumerate(frames):
        for one in node.process_batch([Item("frames", times[number], times[number + 1], number, picture)]):
            assert one.time_s >= promised
            found.append(one)
        promised = times[number] - Shots.lookback_s
    rest = list(node.flush())
    assert all(one.time_s >= promised for one in rest)
    found += rest
    assert [one.time_s for one in found] == sorted(one.time_s for one in found)
    assert all(one.index == one.value.frame for one in found)
    return [one.value for one in found]


class Stage:
    """Runs the feature with the real network."""

    def __init__(self, models: ModelPool) -> None:
        self._models = models

    def transitions(self, frames: Frames) -> list[Transition]:
        with self._models.lease("shot_boundaries") as lease:
            return transitions_of(lease.model, frames)


class ChangeNet:
    """In the network's place where only the order of events matters: a large change is a cut."""

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, Frames]) -> list[NDArray[np.float32]]:
        assert outputs == ["single", "many"]
        (window,) = feeds["frames"].astype(float)
        change = np.abs(np.diff(window, axis=0, append=window[-1:])).mean(axis=(1, 2, 3))
        logits = np.where(change > 25, 4.0, -8.0).astype(np.float32)[None, :, None]
        return [logits, logits]


@pytest.fixture
def stage(models: ModelPool) -> Stage:
    return Stage(models)


def test_hard_cuts_are_exact(stage: Stage) -> None:
    lengths = [40, 33, 12, 50, 27, 61]
    frames = np.concatenate([shot(seed, length) for seed, length in enumerate(lengths)])
    found = stage.transitions(frames)
    assert [(one.kind, one.frame) for one in found] == [("hard", int(at)) for at in np.cumsum(lengths)[:-1]]
    assert all(one.opens_shot and one.first_frame == one.last_frame == one.frame for one in found)


@pytest.mark.parametrize("length", [6, 12, 30])
def test_dissolves(length: int, stage: Stage) -> None:
    frames = dissolve(shot(11, 80), shot(12, 80), length)
    (found,) = stage.transitions(frames)
    assert found.kind == "dissolve"
    assert found.opens_shot
    assert (found.first_frame, found.last_frame) == pytest.approx((80 - length, 79), abs=2)
    assert found.first_frame <= found.frame <= found.last_frame + 1


@pytest.mark.parametrize("length", [8, 20])
def test_wipes_which_the_network_does_not_know(length: int, stage: Stage) -> None:
    (found,) = stage.transitions(wipe(shot(21, 70, motion=0.1), shot(22, 70, motion=0.1), length))
    assert found.kind == "wipe"
    assert (found.first_frame, found.last_frame) == pytest.approx((70 - length, 69), abs=2)


@pytest.mark.parametrize("level", [0, 255])
def test_fade_out_and_in_count_once(level: int, stage: Stage) -> None:
    plain = np.full((20, 27, 48, 3), level, np.uint8)
    frames = np.concatenate([dissolve(shot(31, 80), plain, 15), dissolve(plain, shot(32, 80), 15)])
    found = stage.transitions(frames)
    assert {one.kind for one in found} == {"fade"}
    assert sum(one.opens_shot for one in found) == 1
    opening = next(one for one in found if one.opens_shot)
    assert 65 <= opening.frame <= 107


def test_fades_from_and_to_nothing_open_no_shot(stage: Stage) -> None:
    black = np.zeros((40, 27, 48, 3), np.uint8)
    frames = np.concatenate([dissolve(black, shot(41, 60), 15), dissolve(shot(41, 60), black, 15)])
    found = stage.transitions(frames)
    assert {one.kind for one in found if not one.opens_shot} == {"fade"}
    # The same scene is filmed twice; where the halves meet it jumps by less than a pixel.
    assert not [one for one in found if one.opens_shot]


@pytest.mark.parametrize("length", [1, 3, 8])
def test_a_flash_is_no_cut(length: int, stage: Stage) -> None:
    frames = shot(51, 120)
    decay = np.linspace(0.9, 0.9 / length, length)
    frames[60 : 60 + length] = mix(frames[60 : 60 + length], np.full((length, 27, 48, 3), 255, np.uint8), decay)
    found = stage.transitions(frames)
    assert not [one for one in found if one.opens_shot]
    assert [one.kind for one in found] == ["flash"]
    assert found[0].first_frame == 60


def test_every_flash_of_fast_footage(stage: Stage) -> None:
    frames = shot(52, 120, motion=2.0)
    for at in (40, 50, 60):
        frames[at : at + 2] = 255
    found = stage.transitions(frames)
    assert [(one.kind, one.first_frame, one.last_frame) for one in found] == [("flash", at, at + 1) for at in (40, 50, 60)]


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("length", [3, 8])
def test_a_short_dip_opens_one_shot(length: int, level: int, stage: Stage) -> None:
    """Of two short fades the network often sees one."""
    plain = np.full((length + 2, 27, 48, 3), level, np.uint8)
    frames = np.concatenate([dissolve(shot(33, 60), plain, length), dissolve(plain, shot(34, 60), length)])
    found = stage.transitions(frames)
    assert {one.kind for one in found} == {"fade"}
    (opening,) = [one for one in found if one.opens_shot]
    assert 60 - length <= opening.frame <= 62 + length
    assert found[0].first_frame == pytest.approx(60 - length, abs=1)
    assert found[-1].last_frame == pytest.approx(63 + length, abs=2)


def test_the_ends_of_a_long_dissolve(stage: Stage) -> None:
    """Two seconds, while the camera of the first shot moves on."""
    (found,) = stage.transitions(dissolve(shot(13, 110, motion=0.2), shot(14, 110, motion=0.2), 50))
    assert found.kind == "dissolve"
    assert (found.first_frame, found.last_frame) == pytest.approx((60, 109), abs=5)


@pytest.mark.parametrize("way", range(4))
@pytest.mark.parametrize("length", [7, 14])
def test_a_push_is_a_wipe(length: int, way: int, stage: Stage) -> None:
    """The next shot pushes the old one out to each of the four sides, starting and stopping softly."""
    old, new = shot(23, 60, motion=0.1), shot(24, 60, motion=0.1)
    size = (48, 27)[way % 2]
    between = []
    for number in range(1, length + 1):
        at = round(size * (0.5 - 0.5 * np.cos(np.pi * number / (length + 1))))
        first, second = (np.rot90(one, way) for one in (old[-1], new[0]))
        between.append(np.rot90(np.concatenate([first[:, at:], second[:, :at]], axis=1), -way))
    (found,) = stage.transitions(np.concatenate([old, np.stack(between), new]))
    assert (found.kind, found.opens_shot) == ("wipe", True)
    assert (found.first_frame, found.last_frame) == pytest.approx((60, 59 + length), abs=2)


def test_a_look_that_changes_is_no_cut(stage: Stage) -> None:
    frames = shot(72, 120)
    toned = frames @ np.array([[0.39, 0.35, 0.27], [0.77, 0.69, 0.53], [0.19, 0.17, 0.13]])
    frames[40:80] = np.clip(toned[40:80], 0, 255).astype(np.uint8)
    assert not [one for one in stage.transitions(frames) if one.opens_shot]


def test_fast_motion_and_shaking_are_no_cuts(stage: Stage) -> None:
    assert not [one for one in stage.transitions(shot(61, 150, motion=4.0)) if one.opens_shot]


def test_a_caption_that_pops_up_is_no_cut(stage: Stage) -> None:
    frames = shot(71, 120)
    frames[60:90, 20:24, 8:40] = 255
    assert not [one for one in stage.transitions(frames) if one.opens_shot]


@pytest.mark.parametrize("rate", [0.2, 1.0, 5.0, 12.0, 30.0, 60.0])
def test_every_frame_rate_keeps_the_promised_lookback(rate: float) -> None:
    frames = np.concatenate([shot(81, 20), shot(82, 41), shot(83, 20)])
    found = transitions_of(ChangeNet(), frames, rate=rate)
    assert [one.frame for one in found] == [20, 61]


def test_a_gap_of_a_minute_in_the_timestamps() -> None:
    frames = np.concatenate([shot(91, 30), shot(92, 30)])
    times = [number / 25 + (60 if number >= 30 else 0) for number in range(61)]
    (found,) = transitions_of(ChangeNet(), frames, times=times)
    assert (found.frame, found.time_s) == (30, pytest.approx(61.2))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_shortest_clips(count: int) -> None:
    assert not transitions_of(ChangeNet(), shot(1, max(count, 1))[:count])


def test_f1_over_made_clips(stage: Stage) -> None:
    """Hard cuts and dissolves of 5 to 30 frames in random order; a match is within 2 frames of a cut, or within a dissolve."""
    rng = np.random.default_rng(2024)
    frames, truth = shot(1000, 70), list[tuple[int, int]]()
    for number in range(1, 8):
        following = shot(1000 + number, int(rng.integers(45, 80)))
        if rng.random() < 0.5:
            truth.append((len(frames) - 2, len(frames) + 2))
            frames = np.concatenate([frames, following])
        else:
            length = int(rng.integers(5, 31))
            truth.append((len(frames) - length, len(frames)))
            frames = dissolve(frames, following, length)
    found = [one.frame for one in stage.transitions(frames) if one.opens_shot]
    hits = sum(any(first <= frame <= last for frame in found) for first, last in truth)
    assert 2 * hits / (len(truth) + len(found)) >= 0.93


def no_network(window: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    raise AssertionError(f"a quiet clip needs no network, but it was asked for {window.shape}")


def fill(history: History, frames: Frames) -> Iterator[int]:
    for number, picture in enumerate(frames):
        history.append(index=number, time_s=number / 25, end_s=(number + 1) / 25, picture=picture)
        yield number


def test_a_still_picture_with_noise_never_runs_the_network() -> None:
    rng = np.random.default_rng(0)
    frames = np.clip(shot(1, 1) + rng.normal(0, 2, (300, 27, 48, 3)), 0, 255).astype(np.uint8)
    history = History()
    net = BoundaryNet(no_network, history, step=1, patience_s=5.0)
    given = [pair for _ in fill(history, frames) for pair in net.advance(final=False)]
    given += net.advance(final=True)
    assert given == [(0.0, 0.0)] * 300


def asks_the_network(frames: NDArray[np.float64]) -> bool:
    windows: list[Frames] = []

    def infer(window: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        windows.append(window)
        return np.zeros(len(window)), np.zeros(len(window))

    history = History()
    net = BoundaryNet(infer, history, step=1, patience_s=5.0)
    given = [pair for _ in fill(history, np.rint(frames).astype(np.uint8)) for pair in net.advance(final=False)]
    assert len(given + net.advance(final=True)) == len(frames)
    return bool(windows)


@pytest.mark.parametrize(("width", "runs"), [(16, False), (26, True)])
def test_what_changes_in_a_part_of_the_picture_does_not_run_the_network(width: int, runs: bool) -> None:
    """A third of the picture, as of somebody who squats before a still camera, or more than half of it, changes to and fro."""
    old, new = (shot(seed, 1)[0].astype(np.float64) for seed in (1, 2))
    swing = 0.5 - 0.5 * np.cos(np.arange(120) * np.pi / 20)
    frames = np.repeat(old[None], 120, axis=0)
    frames[:, :, 8 : 8 + width] += 0.6 * swing[:, None, None, None] * (new - old)[:, 8 : 8 + width]
    assert asks_the_network(frames) is runs


@pytest.mark.parametrize("length", [12, 20, 30])
@pytest.mark.parametrize("inside", [np.s_[:, :, 16:31], np.s_[:, 8:18], np.s_[:]])
@pytest.mark.parametrize("level", [0, 255])
def test_a_dissolve_between_bars_runs_the_network(length: int, inside: tuple[slice, ...], level: int) -> None:
    """An upright clip in a wide one, a wide one in an upright one."""
    for seed in range(4):
        old, new = (shot(10 * seed + number, 80).astype(np.float64) for number in (1, 2))
        ratio = np.clip((np.arange(80) - 30) / length, 0, 1)[:, None, None, None]
        frames = np.full_like(old, level)
        frames[inside] = (old * (1 - ratio) + new * ratio)[inside]
        assert asks_the_network(frames)


def test_each_frame_is_decided_once_by_a_window_around_it() -> None:
    windows: list[Frames] = []

    def infer(window: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        windows.append(window)
        marks = window[:, 0, 0, 0].astype(float)
        return marks, marks

    frames = np.stack([np.full((27, 48, 3), number % 256, np.uint8) for number in np.arange(260) * 37])
    history = History()
    net = BoundaryNet(infer, history, step=1, patience_s=9.0)
    given = []
    for _ in fill(history, frames):
        given += net.advance(final=False)
        history.drop_before(net.needs_from)
        assert len(history._frames) <= KEPT + 2 * MARGIN
    given += net.advance(final=True)
    assert [round(middle) for middle, _ in given] == [number % 256 for number in np.arange(260) * 37]
    assert [len(window) for window in windows] == [KEPT + 2 * MARGIN] * 3 + [260 - 3 * KEPT + 2 * MARGIN]


LONE = 2 * (MARGIN + DRIFT_REACH)
"""Frames that the network sees of a lone cut: those that drift over it, and what is around them."""


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize(
    ("cuts", "seen"),
    [
        ([90], LONE),
        ([90, 110], LONE + 20),
        ([90, 130], 2 * LONE),
        ([3], LONE - DRIFT_REACH + 3),
        ([197], LONE - DRIFT_REACH + 3),
        ([40, 60, 80, 100, 120], LONE + 80 + 2 * MARGIN),
    ],
    ids=["one", "two that are near", "two that are far", "at the start", "at the end", "more than one run decides"],
)
def test_the_network_sees_what_is_around_cuts_and_no_more(cuts: list[int], seen: int, step: int) -> None:
    """Beyond the clip it sees the first frame, and the last."""
    windows: list[Frames] = []

    def infer(window: Frames) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        windows.append(window)
        middle = np.zeros(len(window))
        middle[1:] = np.abs(np.diff(window.astype(int), axis=0)).max(axis=(1, 2, 3)) > 0
        return middle, middle

    shots = [np.repeat(shot(at, 1), (stop - at) * step, axis=0) for at, stop in pairwise([0, *cuts, 200])]
    history = History()
    net = BoundaryNet(infer, history, step=step, patience_s=5.0 * step)
    given = []
    for _ in fill(history, np.concatenate(shots)):
        given += net.advance(final=False)
        history.drop_before(net.needs_from)
    given += net.advance(final=True)
    assert [number for number, (middle, _) in enumerate(given) if middle] == cuts
    assert sum(len(window) for window in windows) == seen


@pytest.mark.parametrize("step", [1, 4])
def test_the_ends_of_a_dissolve_cost_as_much_at_any_frame_rate(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures mixed for 40 network frames, of which the middle is known: the pairs of ends that are tried don't grow."""
    old, new = (shot(seed, 1)[0].astype(np.float64) for seed in (15, 16))
    first, length = 30 * step, 40 * step + 1
    ratio = np.clip((np.arange(100 * step) - first + 1) / (length + 1), 0, 1)[:, None, None, None]
    history = History()
    for _ in fill(history, np.rint(old * (1 - ratio) + new * ratio).astype(np.uint8)):
        pass
    tried: list[float] = []
    measure = mixing._error

    def counted(shares: NDArray[np.float64], ramp: NDArray[np.float64]) -> float:
        tried.append(measure(shares, ramp))
        return tried[-1]

    monkeypatch.setattr(mixing, "_error", counted)
    found = mixing.mixed_between(history, first + 10 * step, first + length - 1 - 10 * step, step)
    assert found == pytest.approx((first, first + length - 1), abs=1)
    assert len(tried) <= 600


def test_two_peaks_in_one_stretch_are_two_transitions() -> None:
    middle, part = np.zeros(60), np.zeros(60)
    part[10:50] = 0.9
    middle[[19, 20, 21]] = middle[[39, 40, 41]] = 0.6
    reader = SpanReader(longest=100)
    spans = reader.read(zip(middle.tolist(), part.tolist(), strict=True), final=True)
    assert [(span.first, span.middle, span.last) for span in spans] == [(10, 19, 30), (31, 39, 49)]


def test_a_span_comes_out_as_soon_as_it_is_over() -> None:
    reader = SpanReader(longest=100)
    quiet, cut = (0.0, 0.0), (0.9, 0.9)
    assert not reader.read([quiet] * 5 + [cut], final=False)
    assert reader.settled == 5
    (span,) = reader.read([quiet] * 3, final=False)
    assert (span.middle, span.part_count) == (5, 1)
    assert reader.settled == 9
