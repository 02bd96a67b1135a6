"""What can be said of the colours of a shot or a clip, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.color.histogram import ColorHistogram
from reelscope_vision.color.oklab import Colors, chroma, hue_degrees, saturation, to_hex
from reelscope_vision.color.palette import Swatch, palette

_WARM_HUE = np.radians(70.0)
"""Orange: the warm end of the axis from blue to orange, along which daylight and tungsten light differ."""

_NEUTRAL_WARMTH = 0.015
"""Mean OKLab distance along that axis within which a picture has no cast."""

_GREY_CHROMA = 0.03
"""Below, a colour has no hue that people agree on."""

_MONOCHROME_CHROMA = 0.006
"""Mean chroma of a black-and-white picture after coding stays below 0.003; a grey street in colour has 0.01 and more."""

_LEAST_VOICE = 0.1
"""Share of all chroma (share times chroma) that a hue needs to count in the harmony."""

_ONE_HUE, _NEIGHBOURS = 30.0, 90.0
"""Widest spread of hues, in degrees, that is called monochromatic and analogous."""

_OPPOSITE, _THIRD, _HARMONY_SLACK = 180.0, 120.0, 30.0
"""Distances of complementary and triadic hues, in degrees, and how far off they may be."""

_HIGH_KEY, _LOW_KEY = 0.78, 0.32
"""Mean lightness of bright and of dark grades; a usual exposure lies around 0.55."""

_VIVID, _MUTED = 0.45, 0.12
"""Mean saturation from which and up to which a picture is called so."""

_TEAL, _ORANGE = (170.0, 250.0), (30.0, 90.0)
"""Hues of the blockbuster grade, in degrees."""

_EACH_SIDE, _BOTH_SIDES = 0.2, 0.75
"""Shares of all chroma that teal and orange have, each and together, in that grade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorDescription:
    """Fields as in reelscope.vision.v1.ColorDetail; the palette in OKLab."""

    palette: Sequence[Swatch]
    temperature: str
    warmth: float
    saturation: float
    brightness: float
    contrast: float
    harmony: str
    grade: str
    mood_hex: str


def describe(histogram: ColorHistogram) -> ColorDescription:
    """Describes the colours of a histogram that has at least one frame."""
    colors, shares = histogram.colors()
    swatches = palette(colors, shares)
    mean_chroma = float(shares @ chroma(colors))
    warmth = float(shares @ (colors[:, 1] * np.cos(_WARM_HUE) + colors[:, 2] * np.sin(_WARM_HUE)))
    brightness = float(np.clip(shares @ colors[:, 0], 0.0, 1.0))
    saturated = float(shares @ saturation(colors))
    return ColorDescription(
        palette=swatches,
        temperature="warm" if warmth > _NEUTRAL_WARMTH else "cool" if warmth < -_NEUTRAL_WARMTH else "neutral",
        warmth=warmth,
        saturation=saturated,
        brightness=brightness,
        contrast=histogram.lightness_percentile(95) - histogram.lightness_percentile(5),
        harmony=harmony(swatches),
        grade=_grade(colors, shares, mean_chroma=mean_chroma, brightness=brightness, saturated=saturated),
        mood_hex=to_hex(_mood(swatches, brightness)),
    )


def harmony(swatches: Sequence[Swatch]) -> str:
    """How the hues of a palette stand to one another on the colour circle (Itten's schemes)."""
    labs = np.stack([swatch.lab for swatch in swatches])
    chromas = chroma(labs)
    voices = np.array([swatch.share for swatch in swatches]) * np.where(chromas >= _GREY_CHROMA, chromas, 0.0)
    if voices.sum() <= 0:
        return "achromatic"
    hues = np.sort(hue_degrees(labs)[voices >= _LEAST_VOICE * voices.sum()])
    # The widest gap on the circle lies outside of the arc that holds all hues.
    gaps = np.diff(np.append(hues, hues[0] + 360.0))
    arc = 360.0 - float(gaps.max())
    if arc <= _ONE_HUE:
        return "monochromatic"
    if arc <= _NEIGHBOURS:
        return "analogous"
    groups = _groups(hues)
    apart = np.diff(np.append(groups, groups[0] + 360.0))
    if len(groups) == 2 and abs(float(apart[0]) - _OPPOSITE) <= _HARMONY_SLACK:  # noqa: PLR2004 - two hues face each other
        return "complementary"
    if len(groups) == 3 and float(np.abs(apart - _THIRD).max()) <= _HARMONY_SLACK:  # noqa: PLR2004 - three divide the circle
        return "triadic"
    return "mixed"


def _groups(hues: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean hues of runs whose neighbours are at most `_ONE_HUE` apart, around the circle; ascending."""
    gaps = np.diff(np.append(hues, hues[0] + 360.0))
    start = int(gaps.argmax()) + 1
    around = np.append(hues[start:], hues[:start] + 360.0)
    parts = np.split(around, np.flatnonzero(np.diff(around) > _ONE_HUE) + 1)
    return np.sort(np.array([part.mean() for part in parts]))


def _grade(colors: Colors, shares: NDArray[np.float64], *, mean_chroma: float, brightness: float, saturated: float) -> str:
    if mean_chroma < _MONOCHROME_CHROMA:
        return "monochrome"
    if brightness >= _HIGH_KEY:
        return "high_key"
    if brightness <= _LOW_KEY:
        return "low_key"
    if saturated <= _MUTED:
        return "muted"
    voices = shares * chroma(colors)
    hues = hue_degrees(colors)
    teal, orange = (voices[(hues >= low) & (hues < high)].sum() / voices.sum() for low, high in (_TEAL, _ORANGE))
    if min(teal, orange) >= _EACH_SIDE and teal + orange >= _BOTH_SIDES:
        return "teal_orange"
    return "vivid" if saturated >= _VIVID else "natural"


def _mood(swatches: Sequence[Swatch], brightness: float) -> Colors:
    """The colour that stands out: chroma counts fully and area by its square root, as a small red coat does in a crowd."""
    chromatic = [swatch for swatch in swatches if float(chroma(swatch.lab)) >= _GREY_CHROMA]
    if chromatic:
        return max(chromatic, key=lambda swatch: float(chroma(swatch.lab)) * swatch.share**0.5).lab
    pick = max if brightness >= 0.5 else min  # noqa: PLR2004 - the middle of the range
    return pick(swatches, key=lambda swatch: float(swatch.lab[0])).lab
