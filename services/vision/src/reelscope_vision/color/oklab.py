"""sRGB to OKLab and back.

Björn Ottosson, A perceptual color space for image processing, 2020 (public domain). Lightness is in [0,1], a and b within
about -0.4..0.4; distances are roughly perceptual: 0.02 is just noticeable.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Colors = NDArray[np.float64]
"""OKLab colours, [..., 3] L, a, b."""

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


_LINEAR_PART = 0.04045
"""Encoded value up to which sRGB is a straight line of slope 1/12.92 (IEC 61966-2-1)."""

_SLOPE = 12.92


def from_srgb(pixels: NDArray[np.uint8]) -> Colors:
    """[..., 3] RGB 0..255 to OKLab of the same shape."""
    return from_linear(_linear_levels()[pixels])


def from_linear(linear: NDArray[np.float64]) -> Colors:
    """[..., 3] linear RGB 0..1 to OKLab."""
    lab: Colors = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def to_linear(lab: Colors) -> NDArray[np.float64]:
    """[..., 3] OKLab to linear RGB; outside 0..1 where sRGB lacks the colour."""
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear: NDArray[np.float64] = cones @ np.linalg.inv(_TO_CONES).T
    return linear


def to_hex(lab: Colors) -> str:
    """One OKLab colour, [3], as #rrggbb; clipped to sRGB."""
    linear = np.clip(to_linear(lab), 0.0, 1.0)
    encoded = np.where(linear <= _LINEAR_PART / _SLOPE, _SLOPE * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(encoded * 255).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def from_hex(text: str) -> Colors:
    """#rrggbb as OKLab, [3]."""
    return from_srgb(np.frombuffer(bytes.fromhex(text.removeprefix("#")), np.uint8))


def chroma(lab: Colors) -> NDArray[np.float64]:
    """Distance from grey, [...]."""
    return np.hypot(lab[..., 1], lab[..., 2])


def hue_degrees(lab: Colors) -> NDArray[np.float64]:
    """Hue in [0,360), [...]: about 29 red, 70 orange, 110 yellow, 142 green, 195 cyan, 264 blue, 328 magenta."""
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) % 360.0


def saturation(lab: Colors) -> NDArray[np.float64]:
    """Chroma over that of the purest sRGB colour of the same hue, [...], in [0,1]: 1 for #ff0000 and #00ffff alike."""
    hues, chromas = _purest()
    return np.clip(chroma(lab) / np.interp(hue_degrees(lab), hues, chromas, period=360.0), 0.0, 1.0)


@cache
def _linear_levels() -> NDArray[np.float64]:
    """Linear light of the 256 sRGB levels."""
    levels = np.arange(256) / 255
    linear: NDArray[np.float64] = np.where(levels <= _LINEAR_PART, levels / _SLOPE, ((levels + 0.055) / 1.055) ** 2.4)
    linear.flags.writeable = False
    return linear


@cache
def _purest() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hue and chroma along the ring of pure sRGB colours, red to red."""
    ramp = np.arange(0, 256, 5, dtype=np.uint8)
    full, none = np.full_like(ramp, 255), np.zeros_like(ramp)
    edges = [
        (full, ramp, none),
        (255 - ramp, full, none),
        (none, full, ramp),
        (none, 255 - ramp, full),
        (ramp, none, full),
        (full, none, 255 - ramp),
    ]
    ring = from_srgb(np.concatenate([np.stack(edge, axis=1) for edge in edges]))
    hues, chromas = hue_degrees(ring), chroma(ring)
    order = np.argsort(hues)
    return hues[order], chromas[order]
