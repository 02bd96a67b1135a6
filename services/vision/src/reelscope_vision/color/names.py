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

# CSS names where they are what people call the colour; the greys spaced by lightness. A name that covers much has several
# places: a muted green is nearer to olive than to the green of a flag.
_GREYS = (
    ("black", "#0a0a0a"),
    ("charcoal", "#333333"),
    ("dark gray", "#595959"),
    ("gray", "#808080"),
    ("light gray", "#c0c0c0"),
    ("off white", "#ececec"),
    ("white", "#ffffff"),
)
_COLORS = (
    ("red", "#e6121e"),
    ("dark red", "#8b0000"),
    ("maroon", "#4a0e12"),
    ("salmon", "#fa8072"),
    ("pink", "#ffb6c8"),
    ("rose", "#b0607a"),
    ("hot pink", "#ff4fa3"),
    ("magenta", "#ff00ff"),
    ("purple", "#800080"),
    ("purple", "#984f98"),
    ("plum", "#542a52"),
    ("mauve", "#8f6a8b"),
    ("orchid", "#d080d0"),
    ("violet", "#8a4fe0"),
    ("violet", "#7f66a8"),
    ("lavender", "#c9b8ee"),
    ("periwinkle", "#8c9ae6"),
    ("indigo", "#3b1a7a"),
    ("indigo", "#3e3454"),
    ("navy", "#0a1446"),
    ("navy", "#303a58"),
    ("blue", "#0032ff"),
    ("royal blue", "#3a64d8"),
    ("sky blue", "#7cc4f2"),
    ("steel blue", "#4f7ea8"),
    ("slate", "#5c6b7c"),
    ("cyan", "#00e5ff"),
    ("turquoise", "#40d8c8"),
    ("teal", "#007d80"),
    ("dark teal", "#0e4044"),
    ("mint", "#a8ecc8"),
    ("green", "#00a03c"),
    ("green", "#4f8450"),
    ("light green", "#86c58e"),
    ("lime", "#32ff1e"),
    ("yellow green", "#a5bf45"),
    ("dark green", "#0c4a1c"),
    ("dark green", "#2a422c"),
    ("olive", "#767a1e"),
    ("sage", "#9cae8a"),
    ("sage", "#687c68"),
    ("yellow", "#ffee00"),
    ("gold", "#e0ac1c"),
    ("cream", "#fff4d2"),
    ("beige", "#dcc8a4"),
    ("tan", "#c49a6c"),
    ("orange", "#ff8c0a"),
    ("peach", "#ffc8a0"),
    ("coral", "#ff6448"),
    ("brick red", "#b8362c"),
    ("rust", "#b04a1e"),
    ("brown", "#7a4a26"),
    ("brown", "#925a50"),
    ("dark brown", "#3c2416"),
    ("taupe", "#8c7a6e"),
    ("stone", "#b3a698"),
)


def color_name(lab: Colors) -> str:
    """The nearest common name of an OKLab colour, [3]."""
    is_grey = float(chroma(lab)) < _GREY_CHROMA or float(lab[0]) < _NEARLY_BLACK
    names, known = _table("greys" if is_grey else "colors")
    weights = np.array([1.0, 0.0, 0.0] if is_grey else [1.0, _HUE_WEIGHT, _HUE_WEIGHT])
    return names[int((((known - lab) * weights) ** 2).sum(axis=1).argmin())]


@cache
def _table(kind: str) -> tuple[tuple[str, ...], Colors]:
    names = _GREYS if kind == "greys" else _COLORS
    return tuple(name for name, _ in names), np.stack([from_hex(text) for _, text in names])
