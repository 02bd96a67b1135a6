"""Common names of colours."""

from __future__ import annotations

from functools import cache

import numpy as np

from reelscope_vision.color.oklab import Colors, chroma, from_hex

_GREY_CHROMA = 0.025
"""OKLab chroma below which a colour is called a grey."""

_NEARLY_BLACK = 0.16
"""OKLab lightness below which nobody sees a hue."""

_HUE_WEIGHT = 2.0
"""A difference in a or b counts so much more than one in lightness: dark olive is an olive, not a grey."""

# CSS names where they are what people call the colour; the greys spaced by lightness.
_GREYS = {
    "black": "#0a0a0a",
    "charcoal": "#333333",
    "dark gray": "#595959",
    "gray": "#808080",
    "light gray": "#c0c0c0",
    "off white": "#ececec",
    "white": "#ffffff",
}
_COLORS = {
    "red": "#e6121e",
    "dark red": "#8b0000",
    "maroon": "#4a0e12",
    "salmon": "#fa8072",
    "pink": "#ffb6c8",
    "hot pink": "#ff4fa3",
    "magenta": "#ff00ff",
    "purple": "#800080",
    "violet": "#8a4fe0",
    "lavender": "#c9b8ee",
    "indigo": "#3b1a7a",
    "navy": "#0a1446",
    "blue": "#0032ff",
    "royal blue": "#3a64d8",
    "sky blue": "#7cc4f2",
    "steel blue": "#4f7ea8",
    "slate": "#5c6b7c",
    "cyan": "#00e5ff",
    "turquoise": "#40d8c8",
    "teal": "#007d80",
    "dark teal": "#0e4044",
    "mint": "#a8ecc8",
    "green": "#00a03c",
    "lime": "#32ff1e",
    "dark green": "#0c4a1c",
    "olive": "#767a1e",
    "sage": "#9cae8a",
    "yellow": "#ffee00",
    "gold": "#e0ac1c",
    "cream": "#fff4d2",
    "beige": "#dcc8a4",
    "tan": "#c49a6c",
    "orange": "#ff8c0a",
    "peach": "#ffc8a0",
    "coral": "#ff6448",
    "brick red": "#b8362c",
    "rust": "#b04a1e",
    "brown": "#7a4a26",
    "dark brown": "#3c2416",
    "taupe": "#8c7a6e",
    "stone": "#b3a698",
}


def color_name(lab: Colors) -> str:
    """The nearest common name of an OKLab colour, [3]."""
    is_grey = float(chroma(lab)) < _GREY_CHROMA or float(lab[0]) < _NEARLY_BLACK
    names, known = _table("greys" if is_grey else "colors")
    weights = np.array([1.0, 0.0, 0.0] if is_grey else [1.0, _HUE_WEIGHT, _HUE_WEIGHT])
    return names[int((((known - lab) * weights) ** 2).sum(axis=1).argmin())]


@cache
def _table(kind: str) -> tuple[tuple[str, ...], Colors]:
    names = _GREYS if kind == "greys" else _COLORS
    return tuple(names), np.stack([from_hex(text) for text in names.values()])
