"""Analyzer "visual_effects": what editing did to the pictures, beyond cutting them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Box
from reelscope.vision.v1.details_pb2 import EffectCount, EffectDetail, EffectSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.camera.flow import Flow
from reelscope_vision.effects.composition import letterbox, picture_in_picture, split_screen
from reelscope_vision.effects.effect import Effect, Shot
from reelscope_vision.effects.motion import shakes, zoom_punches
from reelscope_vision.effects.timing import STILL, freezes, slow_motions, speed_changes
from reelscope_vision.effects.tone import blur, colour_filter, glitches, grayscale, mirror
from reelscope_vision.features.frame_measures import FrameMeasures
from reelscope_vision.shots.transition import Transition

_DETECTORS: Final[tuple[Callable[[Shot], Iterable[Effect]], ...]] = (
    freezes,
    slow_motions,
    speed_changes,
    grayscale,
    colour_filter,
    glitches,
    blur,
    mirror,
    zoom_punches,
    shakes,
    letterbox,
    split_screen,
    picture_in_picture,
)

_GRADUAL: Final = {"dissolve": "two pictures are mixed", "wipe": "one picture pushes the other aside"}

_DIP: Final = 0.6
"""A fade through black or white has less than this of the spread at either end."""

_JOINED_S: Final = 0.1
"""What goes on in the next shot is one effect: bars, no colour."""

_MOVES: Final = frozenset({"zoom_punch", "shake"})

_NEAR_S: Final = 0.25
_BEFORE_S: Final = 0.4
"""Seconds around a punch or a shake in which it makes or hides motion, and before it in which a still picture rests."""

_LASTING: Final = frozenset({"grayscale", "filter", "letterbox", "split_screen", "picture_in_picture", "mirror"})


class VisualEffects(Analyzer):
    """One segment per effect, at the end of the clip.

    Fades, dissolves, wipes and flashes are the transitions that `cut_analysis` tells of too. Everything else is measured within
    shots. Told are only kinds that leave a trace in the pictures. Not told, because nothing in them tells it from what a camera
    sees: a clip sped up as a whole, footage in reverse, a vignette (a lamp or a lens makes the same), a filter that leaves
    things their own colours, and insets that are no rectangles. How texts move is what `text_overlay` has the boxes for.
    """

    name = "visual_effects"
    version = "1"
    description = (
        "Fades, dissolves, wipes, flashes, freezes, speed, punches, shakes, glitches, filters, blur, bars, split pictures"
    )
    detail = "effect"
    requires = ("shots", "frame_measures")
    wants = ("flow",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._transitions: list[Transition] = []
        self._frames: list[tuple[float, float, FrameMeasures]] = []
        self._steps: list[tuple[float, Flow]] = []
        self._counts: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, a step of the flow, or the measures of a frame."""
        if isinstance(item.value, Transition):
            self._transitions.append(item.value)
        elif isinstance(item.value, Flow):
            self._steps.append((item.time_s, item.value))
        else:
            self._frames.append((item.time_s, item.end_s, item.value))
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all effects in the order of their starts."""
        found = [effect for transition in self._transitions for effect in self._of_transition(transition)]
        inside = [effect for shot in self._shots() for effect in _of_shot(shot)]
        for effect in sorted([*found, *_joined(inside)], key=lambda one: (one.start_s, one.kind)):
            self._counts[effect.kind] += 1
            self._seconds[effect.kind] += effect.end_s - effect.start_s
            yield Segment(
                start_s=effect.start_s,
                end_s=effect.end_s,
                confidence=effect.confidence,
                effect=EffectDetail(
                    kind=effect.kind,
                    strength=effect.strength,
                    regions=[Box(x=l, y=t, w=r - l, h=b - t) for l, t, r, b in effect.regions],  # noqa: E741 - a box's four sides
                    evidence=effect.evidence,
                ),
            )

    def summary(self) -> Summary:
        """How often and how long each effect is there."""
        counts = [
            EffectCount(kind=kind, count=count, total_s=self._seconds[kind]) for kind, count in self._counts.most_common()
        ]
        return Summary(effect=EffectSummary(effects=counts))

    def _of_transition(self, one: Transition) -> Iterable[Effect]:
        if one.kind in _GRADUAL:
            yield Effect(one.kind, one.start_s, one.end_s, one.strength, one.strength, _GRADUAL[one.kind])
        elif one.kind == "flash":
            yield Effect("flash", one.start_s, one.end_s, one.strength, 0.8, "the picture is gone for a moment and comes back")
        elif one.kind == "fade":
            yield from self._fade(one)

    def _fade(self, one: Transition) -> Iterable[Effect]:
        """In, out, or out and in again, by how much picture there is at its start, its end and in between."""
        inside = [(time_s, end_s, frame) for time_s, end_s, frame in self._frames if one.start_s <= time_s < one.end_s]
        if not inside:
            return
        spreads = np.array([frame.spread for _, _, frame in inside])
        lumas = np.array([frame.luma for _, _, frame in inside])
        lowest = int(spreads.argmin())
        evidence = f"the picture's spread goes from {spreads[0]:.0f} by {spreads.min():.0f} to {spreads[-1]:.0f} grey levels"
        through = spreads[lowest] < _DIP * min(spreads[0], spreads[-1]) and 0 < lowest < len(inside) - 1
        if through:
            yield Effect("fade_out", one.start_s, inside[lowest][0], one.strength, one.strength, evidence)
            yield Effect("fade_in", inside[lowest][0], one.end_s, one.strength, one.strength, evidence)
            return
        # Between plain pictures, say black and white, the brighter one counts as the picture.
        plain = max(spreads[0], spreads[-1]) < 2 * max(1.0, min(spreads[0], spreads[-1]))
        rises = lumas[-1] > lumas[0] if plain else spreads[-1] > spreads[0]
        yield Effect("fade_in" if rises else "fade_out", one.start_s, one.end_s, one.strength, one.strength, evidence)

    def _shots(self) -> list[Shot]:
        """The frames between transitions that change the picture."""
        edges = [(one.start_s, one.end_s if one.first_frame < one.last_frame else one.time_s) for one in self._transitions]
        bounds = [(-math.inf, 0.0), *edges, (math.inf, math.inf)]
        shots = []
        at = 0
        for (_, start_s), (end_s, _) in pairwise(bounds):
            while at < len(self._frames) and self._frames[at][0] < start_s:
                at += 1
            first = at
            while at < len(self._frames) and self._frames[at][0] < end_s:
                at += 1
            if at > first:
                steps = [(time_s, flow) for time_s, flow in self._steps if flow.since_s >= start_s and time_s < end_s]
                shots.append(_shot(self._frames[first:at], steps))
        return shots


def _of_shot(shot: Shot) -> list[Effect]:
    """All effects within a shot, less those that only seem to be: a punch or a shake starts and stops the motion itself."""
    found = [effect for detector in _DETECTORS for effect in detector(shot)]
    moves = [one for one in found if one.kind in _MOVES]
    return [one for one in found if not any(_is_echo(one, move, shot) for move in moves)]


def _is_echo(one: Effect, move: Effect, shot: Shot) -> bool:
    if one.kind == "freeze":
        # What rests after it and rested before it is a picture that only the effect moved.
        before = shot.change[(shot.starts_s < move.start_s) & (shot.starts_s >= move.start_s - _BEFORE_S)][1:]
        rested = len(before) > 0 and float(np.median(before)) <= STILL
        return rested and abs(one.start_s - move.end_s) <= _NEAR_S
    edges = (move.start_s, move.end_s)
    return one.kind == "speed_up" and any(abs(at - edge) <= _NEAR_S for at in (one.start_s, one.end_s) for edge in edges)


def _shot(frames: list[tuple[float, float, FrameMeasures]], steps: list[tuple[float, Flow]]) -> Shot:
    values = [value for _, _, value in frames]
    change = np.array([value.change for value in values])
    change[0] = 0.0
    return Shot(
        starts_s=np.array([time_s for time_s, _, _ in frames]),
        ends_s=np.array([end_s for _, end_s, _ in frames]),
        luma=np.array([value.luma for value in values]),
        spread=np.array([value.spread for value in values]),
        chroma=np.array([value.chroma for value in values]),
        tint=np.array([value.tint for value in values]),
        stray=np.array([value.stray for value in values]),
        fringe=np.array([value.fringe for value in values]),
        detail=np.array([value.detail for value in values]),
        details=np.stack([value.details for value in values]),
        change=np.nan_to_num(change),
        cells=np.stack([value.cells for value in values]),
        symmetry=np.array([value.symmetry for value in values]),
        layouts=[(index, value.layout) for index, value in enumerate(values) if value.layout is not None],
        steps=steps,
    )


def _joined(effects: Iterable[Effect]) -> list[Effect]:
    """Effects that go on over a transition, as one."""
    kept: list[Effect] = []
    last: dict[str, int] = {}
    for one in sorted(effects, key=lambda effect: effect.start_s):
        at = last.get(one.kind)
        if at is not None and one.kind in _LASTING and one.start_s - kept[at].end_s <= _JOINED_S:
            before = kept[at]
            kept[at] = replace(before, end_s=one.end_s, strength=max(before.strength, one.strength))
        else:
            last[one.kind] = len(kept)
            kept.append(one)
    return kept
