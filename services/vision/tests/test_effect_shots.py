"""Effects from made measures: what is kept of a long clip, and how often it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.analyzers.visual_effects import VisualEffects
from reelscope_vision.camera.flow import Flow
from reelscope_vision.effects.buffer import ShotBuffer
from reelscope_vision.effects.layout import Layout
from reelscope_vision.effects.measures import CELLS, FrameMeasures
from reelscope_vision.effects.tone import blur
from reelscope_vision.shots.transition import Kind, Transition

RATE = 25

PLAIN = FrameMeasures(
    luma=100.0, spread=40.0, chroma=30.0, tint=5.0, stray=20.0, fringe=0.0, detail=8.0,
    details=np.full(CELLS**2, 8, np.float16), change=2.0, cells=np.full(CELLS**2, 1, np.float16), symmetry=0.1, layout=None,
)  # fmt: skip
BLURRED = replace(PLAIN, detail=1.0, details=np.full(CELLS**2, 1, np.float16), cells=np.zeros(CELLS**2, np.float16))


def frame(number: int, value: FrameMeasures = PLAIN) -> AnyItem:
    return Item("frame_measures", number / RATE, (number + 1) / RATE, number, value)


def transition(kind: Kind, frame: int, first: int, last: int) -> AnyItem:
    value = Transition(
        kind=kind, frame=frame, time_s=frame / RATE, first_frame=first, last_frame=last, start_s=first / RATE,
        end_s=(last + 1) / RATE, strength=0.9, opens_shot=True,
    )  # fmt: skip
    return Item("shots", value.time_s, value.end_s, frame, value)


def told(items: list[AnyItem]) -> list[Segment]:
    node = VisualEffects(NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: None))
    given = [segment for item in sorted(items, key=lambda item: item.time_s) for segment in node.process(item)]
    return [*given, *node.flush()]


def kept(count: int) -> ShotBuffer:
    buffer = ShotBuffer()
    for number in range(count):
        buffer.add(number / RATE, (number + 1) / RATE, PLAIN)
    return buffer


def test_a_frame_is_a_third_of_a_kilobyte_and_gone_with_its_shot() -> None:
    buffer = kept(6000)
    assert buffer._rows.nbytes <= 450 * 6000
    shot = buffer.take(0.0, 200.0)
    assert shot is not None
    assert len(shot) == 5000
    assert len(buffer) == 1000
    assert buffer._rows.nbytes <= 450 * (1000 + 1024)


def test_a_shot_is_what_is_between_two_times() -> None:
    buffer = kept(10)
    layout = Layout((0.1, 0.1, 0.0, 0.0), filled=False, columns=(), rows=(), inset=None)
    buffer.add(10 / RATE, 11 / RATE, replace(PLAIN, luma=7.0, change=float("nan"), layout=layout))
    for number in range(1, 11):
        since_s, time_s = (number - 1) / RATE, number / RATE
        buffer.add_step(time_s, Flow(since_s, 0.0, 0.0, 0.0, 0.0, growth=0.0, support=1.0, known=number > 5, aspect=1.8))
    first = buffer.take(2 / RATE, 6 / RATE)
    assert first is not None
    assert (len(first), len(first.steps), len(first.layouts)) == (4, 3, 0)
    assert first.starts_s.tolist() == pytest.approx([number / RATE for number in range(2, 6)])
    second = buffer.take(7 / RATE, float("inf"))
    assert second is not None
    assert second.luma.tolist() == [100.0, 100.0, 100.0, 7.0]
    assert second.change.tolist() == [0.0, 2.0, 2.0, 0.0]
    assert second.layouts == [(3, layout)]
    assert second.resting.tolist() == [False, True, True, True]
    assert buffer.take(0.0, float("inf")) is None


def test_what_is_blurred_in_the_second_shot_is_measured_by_that_shot() -> None:
    items = [frame(at, BLURRED if at < 100 or 140 <= at < 160 else PLAIN) for at in range(250)]
    (found,) = told([*items, transition("hard", 100, 100, 100)])
    assert found.effect.kind == "blur"
    assert (found.start_s, found.end_s) == pytest.approx((140 / RATE, 160 / RATE))


def test_a_fade_in_is_told_by_frames_that_come_after_its_transition() -> None:
    black = [frame(at, replace(PLAIN, luma=0.0, spread=0.0, detail=0.0)) for at in range(50)]
    rising = [frame(50 + at, replace(PLAIN, luma=10.0 * at, spread=4.0 * at)) for at in range(10)]
    items = [*black, *rising, *(frame(at) for at in range(60, 120)), transition("fade", 50, 50, 59)]
    assert [(one.effect.kind, one.start_s, one.end_s) for one in told(items)] == [("fade_in", 2.0, pytest.approx(2.4))]


def test_the_usual_detail_is_found_once_however_often_a_shot_is_blurred(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = ShotBuffer()
    for number in range(1000):
        buffer.add(number / RATE, (number + 1) / RATE, BLURRED if number % 50 >= 35 else PLAIN)
    shot = buffer.take(0.0, float("inf"))
    assert shot is not None
    quantile, sizes = np.quantile, []
    monkeypatch.setattr(
        np, "quantile", lambda values, *args, **options: (sizes.append(1), quantile(values, *args, **options))[1]
    )
    assert len(list(blur(shot))) == 20
    assert len(sizes) == 2


EVERY = 12
"""Frames from one layout to the next."""


def laid_out(layouts: list[Layout]) -> list[AnyItem]:
    """Frames in which something moves, one layout for each half of a second of them."""
    frames = range(EVERY * len(layouts))
    return [frame(at, replace(PLAIN, layout=None if at % EVERY else layouts[at // EVERY])) for at in frames]


def divided(bars: tuple[float, float, float, float] = (0, 0, 0, 0), left: float | None = None) -> Layout:
    inset = None if left is None else (left, 0.1, left + 0.3, 0.4)
    return Layout(bars, filled=False, columns=(), rows=(), inset=inset)


def test_insets_at_other_places_stay_apart() -> None:
    layouts = [divided(left=place) for place in (0.05, 0.6, 0.05) for _ in range(6)]
    found = [(one.effect.kind, round(one.effect.regions[0].x, 2)) for one in told(laid_out(layouts))]
    assert found == [("picture_in_picture", place) for place in (0.05, 0.6, 0.05)]


@pytest.mark.parametrize("is_off", [lambda number: number % 2, lambda number: number >= 10], ids=["in turn", "later"])
def test_an_inset_that_wavers_is_one(is_off: Callable[[int], bool]) -> None:
    (one,) = told(laid_out([divided(left=0.3 + 0.02 * is_off(number)) for number in range(18)]))
    assert (one.start_s, one.end_s) == (0.0, pytest.approx(18 * EVERY / RATE))


def test_bars_at_the_sides_for_a_while_do_not_end_those_above_and_below() -> None:
    layouts = [divided((0.1, 0.1, 0, 0)), *[divided((0.1, 0.1, 0.1, 0.1))] * 6, *[divided((0.1, 0.1, 0, 0))] * 8]
    layouts = [divided((0.1, 0.1, 0, 0))] * 3 + layouts
    whole, part = sorted(told(laid_out(layouts)), key=lambda one: one.start_s)
    assert (whole.start_s, whole.end_s) == (0.0, pytest.approx(len(layouts) * EVERY / RATE))
    assert (part.start_s, part.end_s) == (pytest.approx(4 * EVERY / RATE, abs=0.5), pytest.approx(10 * EVERY / RATE, abs=0.5))


def test_a_blur_at_the_end_leaves_what_ran_faster_before_it() -> None:
    fast = replace(PLAIN, cells=np.full(CELLS**2, 2, np.float16))
    values = [*[PLAIN] * 100, *[fast] * 75, *[BLURRED] * 20]
    found = told([frame(number, value) for number, value in enumerate(values)])
    assert {one.effect.kind for one in found} == {"speed_up", "blur"}


@pytest.mark.parametrize(("share", "kinds"), [(1.0, ["speed_up"]), (0.75, ["speed_up"]), (0.4, [])])
def test_who_walks_out_of_a_moving_picture_does_not_slow_it_down(share: float, kinds: list[str]) -> None:
    cells = np.ones(CELLS**2, np.float16)
    cells[: round(share * CELLS**2)] = 6
    busy = replace(PLAIN, cells=cells)
    found = told([frame(number, busy if number < 75 else PLAIN) for number in range(150)])
    assert [one.effect.kind for one in found] == kinds
