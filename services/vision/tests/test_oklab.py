"""Conversions against published values."""

from __future__ import annotations

import numpy as np
import pytest

from reelscope_vision.color.names import color_name
from reelscope_vision.color.oklab import chroma, from_hex, from_srgb, hue_degrees, saturation, to_hex

# From CSS Color 4's sample implementation; three digits.
PUBLISHED = {
    "#ffffff": (1.000, 0.000, 0.000),
    "#000000": (0.000, 0.000, 0.000),
    "#ff0000": (0.628, 0.225, 0.126),
    "#00ff00": (0.866, -0.234, 0.179),
    "#0000ff": (0.452, -0.032, -0.312),
    "#808080": (0.600, 0.000, 0.000),
}


@pytest.mark.parametrize(("text", "lab"), PUBLISHED.items())
def test_published_values(text: str, lab: tuple[float, float, float]) -> None:
    assert from_hex(text) == pytest.approx(lab, abs=1e-3)


def test_round_trip() -> None:
    rng = np.random.default_rng(1)
    for color in rng.integers(0, 256, (200, 3), dtype=np.uint8):
        assert to_hex(from_srgb(color)) == "#" + bytes(color.tolist()).hex()


def test_pure_colors_are_fully_saturated_and_greys_not_at_all() -> None:
    pure = np.stack([from_hex(text) for text in ("#ff0000", "#ffff00", "#00ff00", "#00ffff", "#0000ff", "#ff00ff", "#ff8000")])
    assert saturation(pure) == pytest.approx(np.ones(7), abs=0.02)
    greys = from_srgb(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    assert float(chroma(greys).max()) < 1e-3
    assert float(saturation(greys).max()) < 0.01


def test_hue_of_red_and_blue() -> None:
    assert float(hue_degrees(from_hex("#ff0000"))) == pytest.approx(29.2, abs=0.3)
    assert float(hue_degrees(from_hex("#0000ff"))) == pytest.approx(264.1, abs=0.3)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#000000", "black"),
        ("#0e0d10", "black"),
        ("#ffffff", "white"),
        ("#7f7f7f", "gray"),
        ("#ff0000", "red"),
        ("#0000ff", "blue"),
        ("#101850", "navy"),
        ("#ff8c00", "orange"),
        ("#ffe600", "yellow"),
        ("#20b040", "green"),
        # Muted ones, which are no greys, and no brighter hue's neighbours.
        ("#508052", "green"),
        ("#5d7a62", "sage"),
        ("#303955", "navy"),
        ("#7a659e", "violet"),
        ("#8f5e8b", "mauve"),
        ("#905c57", "brown"),
        ("#27422c", "dark green"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert color_name(from_hex(text)) == name
