"""Analyzer "visual_effects": what editing did to the pictures, beyond cutting them."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Box
from reelscope.vision.v1.details_pb2 import EffectCount, EffectDetail, EffectSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.camera.flow import Flow
from reelscope_vision.effects.buffer import ShotBuffer
from reelscope_vision.effects.composition import letterbox, picture_in_picture, split_screen
from reelscope_vision.effects.effect import Effect, Shot
from reelscope_vision.effects.motion import shakes, zoom_punches
from reelscope_vision.effects.timing import STILL, freezes, slow_motions, speed_changes
from reelscope_vision.effects.tone import blur, colour_filter, glitches, grayscale, mirror
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

_LEAST_SPREAD: Final = 2.0
"""Grey levels of spread at the weaker end of a fade through something: that of plain pictures is noise, and has lows."""

_JOINED_S: Final = 0.1
_JOINED_OFF: Final = 0.03
"""What goes on in the next shot, at the same place, is one effect: bars, no colour."""

_TOUCH_MOTION: Final = frozenset({"zoom_punch", "shake", "blur"})

_NEAR_S: Final = 0.25
_BEFORE_S: Final = 0.4
"""Seconds around a punch, a shake or a blur in which it makes or hides motion, and before it in which a still picture rests."""

_LASTING: Final = frozenset({"grayscale", "filter", "letterbox", "split_screen", "picture_in_picture", "mirror"})


class VisualEffects(Analyzer):
    """One segment per effect, at the end of the clip.

    Fades, dissolves, wipes and flashes are the transitions that `cut_analysis` tells of too. Everything else is measured within
    shots. Told are only kinds that leave a trace in the pictures. Not told, because nothing in them tells it from what a camera
    sees: a clip sped up as a whole, footage in reverse, a vignette (a lamp or a lens makes the same), a filter that leaves
    things their own colours, and insets that are no rectangles. Of several insets at a time the clearest is told, split screens
    and a picture over its own blur only of whole shots. How texts move is what `text_overlay` has the boxes for.
    """

    name = "visual_effects"
    version = "4"
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
        self._shot = ShotBuffer()
        self._shot_start_s = 0.0
        self._inside: list[Effect] = []
        # Of all frames: a fade goes on after its transition has come.
        self._times_s, self._lumas, self._spreads = array("d"), array("f"), array("f")
        self._counts: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, a step of the flow, or the measures of a frame."""
        if isinstance(item.value, Transition):
            self._transitions.append(item.value)
            self._end_shot(item.value)
        elif isinstance(item.value, Flow):
            self._shot.add_step(item.time_s, item.value)
        else:
            self._shot.add(item.time_s, item.end_s, item.value)
            self._times_s.append(item.time_s)
            self._lumas.append(item.value.luma)
            self._spreads.append(item.value.spread)
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all effects in the order of their starts."""
        self._end_shot(None)
        found = [effect for transition in self._transitions for effect in self._of_transition(transition)]
        for effect in sorted([*found, *_joined(self._inside)], key=lambda one: (one.start_s, one.kind)):
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
        inside = slice(bisect_left(self._times_s, one.start_s), bisect_left(self._times_s, one.end_s))
        times_s, lumas, spreads = self._times_s[inside], self._lumas[inside], np.array(self._spreads[inside])
        if not times_s:
            return
        lowest = int(spreads.argmin())
        weaker = min(spreads[0], spreads[-1])
        through = spreads[lowest] < _DIP * weaker and weaker >= _LEAST_SPREAD and 0 < lowest < len(times_s) - 1
        # Between plain pictures, say black and white, the brighter one counts as the picture.
        plain = not through and max(spreads[0], spreads[-1]) < 2 * max(1.0, weaker)
        named, levels = ("brightness", np.array(lumas)) if plain else ("spread", spreads)
        between = f" through {levels.min():.0f}" if through else ""
        evidence = f"the picture's {named} goes from {levels[0]:.0f}{between} to {levels[-1]:.0f} grey levels"
        if through:
            yield Effect("fade_out", one.start_s, times_s[lowest], one.strength, one.strength, evidence)
            yield Effect("fade_in", times_s[lowest], one.end_s, one.strength, one.strength, evidence)
            return
        rises = levels[-1] > levels[0]
        yield Effect("fade_in" if rises else "fade_out", one.start_s, one.end_s, one.strength, one.strength, evidence)

    def _end_shot(self, one: Transition | None) -> None:
        """Looks for effects in the frames since the last transition that changes the picture; None is the end of the clip."""
        shot = self._shot.take(self._shot_start_s, one.start_s if one else math.inf)
        if shot is not None:
            self._inside += _of_shot(shot)
        if one:
            start_s = one.end_s if one.first_frame < one.last_frame else one.time_s
            self._shot_start_s = max(self._shot_start_s, start_s)


def _of_shot(shot: Shot) -> list[Effect]:
    """All effects within a shot, less those that only seem to be: a punch or a shake starts and stops the motion itself, and a
    blur hides a part of it."""
    found = [effect for detector in _DETECTORS for effect in detector(shot)]
    causes = [one for one in found if one.kind in _TOUCH_MOTION]
    return [one for one in found if not any(_is_echo(one, cause, shot) for cause in causes)]


def _is_echo(one: Effect, cause: Effect, shot: Shot) -> bool:
    if one.kind == "freeze":
        # What rests after it and rested before it is a picture that only the effect moved.
        before = shot.change[(shot.starts_s < cause.start_s) & (shot.starts_s >= cause.start_s - _BEFORE_S)][1:]
        rested = len(before) > 0 and float(np.median(before)) <= STILL
        return rested and abs(one.start_s - cause.end_s) <= _NEAR_S
    jumps = [at for at in (one.start_s, one.end_s) if shot.starts_s[0] < at < shot.ends_s[-1]]
    return one.kind == "speed_up" and any(abs(at - edge) <= _NEAR_S for at in jumps for edge in (cause.start_s, cause.end_s))


def _joined(effects: Iterable[Effect]) -> list[Effect]:
    """Effects that go on over a transition, as one."""
    kept: list[Effect] = []
    lasting: list[int] = []  # those that an effect which starts now, or later, may go on from
    for one in sorted(effects, key=lambda effect: effect.start_s):
        lasting = [at for at in lasting if kept[at].end_s >= one.start_s - _JOINED_S]
        at = next((at for at in lasting if _goes_on(kept[at], one)), None)
        if at is not None:
            kept[at] = replace(kept[at], end_s=one.end_s, strength=max(kept[at].strength, one.strength))
            continue
        if one.kind in _LASTING:
            lasting.append(len(kept))
        kept.append(one)
    return kept


def _goes_on(before: Effect, after: Effect) -> bool:
    """Whether two lasting effects are one: of one kind, at one place, the later one from where the earlier one ends."""
    if before.kind != after.kind or abs(after.start_s - before.end_s) > _JOINED_S or len(before.regions) != len(after.regions):
        return False
    return all(
        abs(a - b) <= _JOINED_OFF
        for first, second in zip(before.regions, after.regions, strict=True)
        for a, b in zip(first, second, strict=True)
    )
