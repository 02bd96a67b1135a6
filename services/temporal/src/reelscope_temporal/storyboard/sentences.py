"""Plain English sentences from a window's facts. Nothing is said that was not measured."""

from __future__ import annotations

from collections.abc import Sequence

from reelscope_temporal.features.samples import SAMPLES_PER_S
from reelscope_temporal.storyboard.window import Window

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLURALS = {"person": "people", "mouse": "mice", "sheep": "sheep", "knife": "knives", "skis": "skis", "scissors": "scissors"}
LIVELY, BUSY = 0.01, 0.05
"""Mean change between samples (quarter seconds) from which a picture moves a little, and a lot."""
DARK, BRIGHT = 0.25, 0.7


def counted(label: str, count: int) -> str:
    """`a dog`, `two people`."""
    if count == 1:
        return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    return f"{number} {PLURALS.get(label, label + ('es' if label.endswith(('s', 'ch')) else 's'))}"


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def actions(window: Window) -> list[str]:
    """What the picture does."""
    camera = window.camera(SAMPLES_PER_S)
    said = [f"the camera {camera}"] if camera else []
    if window.new_shots:
        said.append("the shot changes" if window.new_shots == 1 else f"the shot changes {window.new_shots} times")
    if not camera:
        if window.motion >= BUSY:
            said.append("there is much motion")
        elif window.motion >= LIVELY:
            said.append("there is some motion")
        elif not window.new_shots:
            said.append("hardly anything moves")
    return said


def setting(window: Window) -> str:
    """Light and colours."""
    light = "dark" if window.brightness < DARK else "bright" if window.brightness > BRIGHT else ""
    colors = joined(window.colors)
    mostly = f"mostly {colors}" if colors else ""
    return f"a {light} picture, {mostly}" if light and mostly else mostly or (f"a {light} picture" if light else "")


def describe(window: Window) -> str:
    """One or two sentences."""
    cast = window.cast()
    place = {"left": " on the left", "right": " on the right", "center": " in the middle"}.get(window.placement(), "")
    whom = joined([counted(label, count) for label, count in cast[:4]])
    first = f"{whom}{place}" if whom else setting(window) or "an empty picture"
    rest = joined(actions(window))
    light = f" It is {setting(window)}." if whom and setting(window) else ""
    return f"{first[0].upper()}{first[1:]}; {rest}.{light}"


def change(window: Window, before: Window | None) -> str:
    """What is different from the window before."""
    if before is None:
        return ""
    now, then = (dict(one.cast()) for one in (window, before))
    said = [f"{counted(label, count)} appears" for label, count in now.items() if label not in then and count == 1]
    said += [f"{counted(label, count)} appear" for label, count in now.items() if label not in then and count > 1]
    said += [f"the {label} is gone" for label in then if label not in now]
    if window.shot_index != before.shot_index:
        said.insert(0, "a new shot")
    return joined(said)
