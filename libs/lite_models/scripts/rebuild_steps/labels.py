"""Class names out of the source packages."""

import re
from pathlib import Path

_DISPLAY_NAME = re.compile(r"displayName: '([^']+)'")


def coco_names(source: Path) -> str:
    """Return the display names of coco-ssd's class table, one a line, in the order of their COCO ids."""
    return "".join(f"{name}\n" for name in _DISPLAY_NAME.findall(source.read_text(encoding="utf-8")))
