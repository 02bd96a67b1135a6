"""Effects that move the whole picture for a moment: a punch-in of the zoom, and a shake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from reelscope_vision.effects.effect import Effect, Shot
from reelscope_vision.tracking.stretches import runs

_PUNCH: Final = 0.6
"""Logarithm of the growth a second: 1.8 times in a second. Zooms and moves of a camera that people watch stay below 0.4."""

_PART_OF_PUNCH: Final = 0.15
"""The same for the rest of it, as it settles. What goes on at that pace all the time is a zoom."""

_PUNCH_GROWTH: Final = 0.07
"""Logarithm of the growth between its smallest and its largest: a tenth of the picture's edge goes out of sight."""

_PUNCH_S: Final = 0.9
"""Longest way in or out: a camera's fast zoom takes longer."""

_AGAIN_S: Final = 1.0
"""In, a hold, and out again within this time are one effect."""

_SHAKEN: Final = 0.008
"""Frame widths by which the picture jumps from one sampled picture to the next in a shake: a hand does a fifth of it."""

_SHAKE_S: Final = 0.35
_CALM_SHIFT: Final = 0.25
"""Share of that with which the rest of the shot moves."""

_BACK: Final = 0.5
"""Share of the way that a shake makes in all: it comes back, and a pan does not."""

_BRIDGE: Final = 1
"""Samples within that may be calm by chance."""


def zoom_punches(shot: Shot) -> Iterable[Effect]:
    """A zoom that starts at once, takes less than a second and stops, alone or in and out again."""
    steps = shot.steps
    growth = np.log1p(np.array([flow.zoom if flow.known else 0.0 for _, flow in steps]).clip(-0.99, None))
    lengths_s = np.array([time_s - flow.since_s for time_s, flow in steps])
    found: list[list[float]] = []
    for first, beyond in runs(np.abs(growth) >= _PART_OF_PUNCH):
        start_s, end_s = steps[first][1].since_s, steps[beyond - 1][0]
        size = np.concatenate([[0.0], (growth * lengths_s)[first:beyond].cumsum()])
        whole, swing = float(size[-1]), float(size.max() - size.min())
        if float(np.abs(growth[first:beyond]).max()) < _PUNCH or swing < _PUNCH_GROWTH or end_s - start_s > _PUNCH_S:
            continue
        if found and start_s - found[-1][1] <= _AGAIN_S and whole * found[-1][2] < -(_PUNCH_GROWTH**2) / 4:
            found[-1] = [found[-1][0], end_s, 0.0, max(swing, found[-1][3])]
        else:
            found.append([start_s, end_s, whole, swing])
    for start_s, end_s, _, swing in found:
        evidence = f"the picture's size changes {np.exp(swing):.2f} times within {end_s - start_s:.1f} s"
        yield Effect("zoom_punch", start_s, end_s, min(1.0, swing), 0.6, evidence)


def shakes(shot: Shot) -> Iterable[Effect]:
    """A stretch in which the picture jumps to and fro in a shot that is calm otherwise; a hand shakes all through."""
    steps = shot.steps
    if not steps:
        return
    shifts = np.array([(flow.x, flow.y / flow.aspect) if flow.known else (0.0, 0.0) for _, flow in steps])
    lengths_s = np.array([time_s - flow.since_s for time_s, flow in steps])
    jumps = np.linalg.norm(shifts, axis=1) * lengths_s
    state = jumps >= _SHAKEN
    for first, beyond in runs(~state):
        if first > 0 and beyond < len(state) and beyond - first <= _BRIDGE:
            state[first:beyond] = True
    for first, beyond in runs(state):
        start_s, end_s = steps[first][1].since_s, steps[beyond - 1][0]
        outside = np.concatenate([jumps[: max(0, first - 1)], jumps[beyond + 1 :]])
        usual = float(np.median(jumps[first:beyond]))
        whole = float(np.linalg.norm((shifts[first:beyond] * lengths_s[first:beyond, None]).sum(axis=0)))
        if end_s - start_s < _SHAKE_S or len(outside) < beyond - first or whole > _BACK * float(jumps[first:beyond].sum()):
            continue
        if float(np.quantile(outside, 0.8)) > _CALM_SHIFT * usual:
            continue
        evidence = f"the picture jumps by {100 * usual:.1f} % of its width from one look to the next, and rests otherwise"
        yield Effect("shake", start_s, end_s, min(1.0, usual / (4 * _SHAKEN)), 0.6, evidence)
