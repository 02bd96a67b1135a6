"""From the motion of the background to what the camera does: curves, motions with their speeds, shake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.tracking.stretches import Stretch, stretches

_SMOOTH_S: Final = 0.6
"""Window that takes the shake of a hand (2 to 8 Hz) out of a motion."""

_ROUNDING_S: Final = 1e-6

_LEAST_S: Final = 0.4
"""A motion that lasts less is none: a viewer hardly names it."""

_SHAKY: Final = 0.0015
"""Root mean square of the shake in frame widths from which the camera is held by hand: 1.6 pixels of 1080. On a stand the
tracker's own error is a tenth of it."""

_SWAY: Final = 0.03
"""Frame widths (or heights): a pan or tilt that covers less in all is the sway of whoever holds the camera."""

_SWAYING: Final = 0.005
"""Standard deviation in frame widths, a steady drift aside, from which a camera that goes nowhere sways."""

_TRIMMED: Final = (0.1, 0.9)
"""Quantiles that a stretch's mean is limited to, for the same reason."""

_RADIUS: Final = 0.35
"""Frame widths from the middle to most of the picture: what turns a zoom or a roll into the motion that a viewer sees."""

_FASTEST: Final = 3.0
"""Frame widths a second: more is a mistaken match."""

MOTIONS: Final = ("pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll_left", "roll_right")
_UNITS: Final = {"pan": "frame_widths_per_s", "tilt": "frame_heights_per_s", "zoom": "scale_per_s", "roll": "degrees_per_s"}

_THRESHOLDS: Final = np.array([0.02, 0.02, 0.012, 1.5])
"""Pan in widths, tilt in heights, zoom in growth, roll in degrees, each a second, from which there is one: slower ones take
longer than 50 s over the picture, and nobody sees them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The camera between two sampled pictures.

    Attributes:
        start_s: Of the first.
        end_s: Of the second.
        rates: Shape [4]: content to the right in widths, down in heights, growth, degrees clockwise, each a second.
        aspect: Width over height of the picture.
    """

    start_s: float
    end_s: float
    rates: NDArray[np.float64]
    aspect: float


@dataclass(frozen=True, slots=True)
class Motion:
    """A stretch in which the camera does one thing.

    Attributes:
        name: "static", "handheld" or one of `MOTIONS`.
        start_s: Its start.
        end_s: Its end.
        speed: In `unit`; 0 where it stays where it is.
        unit: As in the contract.
        shake: Root mean square of the motion faster than 2 Hz, in frame widths.
        components: Speed of every motion that is above its threshold, in thresholds, by name.
        shift: Content to the right in frame widths and down in frame heights a second.
    """

    name: str
    start_s: float
    end_s: float
    speed: float
    unit: str
    shake: float
    components: dict[str, float]
    shift: tuple[float, float]


def motions(samples: Sequence[Sample]) -> list[Motion]:
    """What the camera does in one shot.

    Args:
        samples: In order, of one shot only.
    """
    if not samples:
        return []
    starts_s = [sample.start_s for sample in samples]
    ends_s = [sample.end_s for sample in samples]
    steps_s = np.array(ends_s) - starts_s
    rates = np.array([sample.rates for sample in samples])
    aspect = samples[0].aspect
    calm = _smoothed(rates, steps_s)
    shake = _shake(rates - calm, steps_s, aspect)
    states = [_state(row, aspect) for row in calm]
    least_s = min(_LEAST_S, ends_s[-1] - starts_s[0])
    found = stretches(states, ends_s, starts_s, least_s)
    for one in found:
        inside = slice(one.first, one.beyond)
        way = np.abs((rates[inside, :2] * steps_s[inside, None]).sum(axis=0)).max()
        state = "still" if one.state.startswith(("pan", "tilt")) and way < _SWAY else one.state
        states[inside] = [state] * (one.beyond - one.first)
    found = stretches(states, ends_s, starts_s, least_s)
    return [_motion(stretch, samples, rates, shake, steps_s) for stretch in found]


def _smoothed(rates: NDArray[np.float64], steps_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the window around each sample, the mean of the shift, since shake swings around it, and the median of zoom and
    roll, since hands never shake so: what looks like that are mistaken matches."""
    middles = np.cumsum(steps_s) - steps_s / 2
    first = np.searchsorted(middles, middles - _SMOOTH_S / 2 - _ROUNDING_S)
    beyond = np.searchsorted(middles, middles + _SMOOTH_S / 2 + _ROUNDING_S)
    spans = list(zip(first, beyond, strict=True))
    shift = [rates[low:high, :2].mean(axis=0) for low, high in spans]
    turn = [np.median(rates[low:high, 2:], axis=0) for low, high in spans]
    return np.concatenate([shift, turn], axis=1)


def _shake(fast: NDArray[np.float64], steps_s: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """Of each sample, how far the picture is from where the calm motion would have it, in frame widths."""
    path = np.cumsum(fast[:, :2] * steps_s[:, None], axis=0) * (1.0, 1.0 / aspect)
    return np.asarray(np.linalg.norm(path - _smoothed(path, steps_s), axis=1))


def _sway(rates: NDArray[np.float64], steps_s: NDArray[np.float64], aspect: float) -> float:
    """How far the picture is from a steady drift, in frame widths."""
    path = np.cumsum(rates[:, :2] * steps_s[:, None], axis=0) * (1.0, 1.0 / aspect)
    basis = np.column_stack([np.ones(len(path)), np.cumsum(steps_s)])
    return float(np.linalg.norm((path - basis @ np.linalg.lstsq(basis, path, rcond=None)[0]).std(axis=0)))


def _seen(rates: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """How fast each of the four moves the picture for a viewer, in frame widths a second."""
    return np.asarray(np.abs(rates) * (1.0, 1.0 / aspect, _RADIUS, np.radians(1.0) * _RADIUS))


def _state(rates: NDArray[np.float64], aspect: float) -> str:
    moving = np.abs(rates) >= _THRESHOLDS
    if not moving.any():
        return "still"
    index = int(np.where(moving, _seen(rates, aspect), 0.0).argmax())
    return _named(index, rates[index])


def _named(index: int, rate: float) -> str:
    """Content to the right means that the camera turns left; content down that it tilts up; content that turns clockwise
    that it rolls to the left."""
    pairs = (("pan_left", "pan_right"), ("tilt_up", "tilt_down"), ("zoom_in", "zoom_out"), ("roll_left", "roll_right"))
    return pairs[index][0 if rate > 0 else 1]


def _motion(
    stretch: Stretch[str],
    samples: Sequence[Sample],
    rates: NDArray[np.float64],
    shake: NDArray[np.float64],
    steps_s: NDArray[np.float64],
) -> Motion:
    inside = slice(stretch.first, stretch.beyond)
    weights = steps_s[inside] / steps_s[inside].sum()
    low, high = np.quantile(rates[inside], _TRIMMED, axis=0)
    mean = (rates[inside].clip(low, high) * weights[:, None]).sum(axis=0)
    shaken = float(np.sqrt((np.square(shake[inside]) * weights).sum()))
    components = {
        _named(index, mean[index]): float(abs(mean[index]) / _THRESHOLDS[index])
        for index in range(len(mean))
        if abs(mean[index]) >= _THRESHOLDS[index]
    }
    name, speed, unit = stretch.state, 0.0, ""
    if name == "still":
        is_held = shaken >= _SHAKY or _sway(rates[inside], steps_s[inside], samples[0].aspect) >= _SWAYING
        name = "handheld" if is_held else "static"
        components = {}
    else:
        kind = name.split("_", maxsplit=1)[0]
        unit = _UNITS[kind]
        speed = float(abs(mean[list(_UNITS).index(kind)]))
        components.setdefault(name, 1.0)
    return Motion(
        name=name,
        start_s=samples[stretch.first].start_s,
        end_s=samples[stretch.beyond - 1].end_s,
        speed=speed,
        unit=unit,
        shake=shaken,
        components=components,
        shift=(float(mean[0]), float(mean[1])),
    )


def believable(rates: NDArray[np.float64], aspect: float) -> bool:
    """Whether a camera can do that."""
    return bool(_seen(rates, aspect).max() <= _FASTEST)
