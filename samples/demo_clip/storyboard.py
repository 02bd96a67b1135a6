"""What the clip shows and says, and when: the one place to edit it.

Time base: frames at `FPS`, 0-based, half-open ranges `[first, end)`. Picture coordinates are pixels of the
source picture, origin at its top left corner, x to the right and y down.
"""

from dataclasses import dataclass
from typing import Literal

FPS = 30
WIDTH = 720
HEIGHT = 1280
TEMPO_BPM = 100
KEY = "D major"
FRAMES_PER_BEAT = FPS * 60 // TEMPO_BPM  # 18: a whole number, so that cuts fall exactly on beats
TOTAL_BEATS = 34
TOTAL_FRAMES = TOTAL_BEATS * FRAMES_PER_BEAT
DISSOLVE_FRAMES = FRAMES_PER_BEAT
FADE_OUT_FRAMES = 2 * FRAMES_PER_BEAT

Motion = Literal["static", "zoom_in", "zoom_out", "pan_right"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A 9:16 window on a picture: its centre and its height, in source pixels."""

    center_x: float
    center_y: float
    height: float


@dataclass(frozen=True)
class PictureObject:
    """Something to be seen in a picture; `box` is x, y, width, height in source pixels, measured by hand."""

    label: str
    box: Box


@dataclass(frozen=True)
class Shot:
    """One shot; `margin` source pixels of blurred surroundings are added above and below its picture."""

    picture: str
    file: str
    first_beat: int
    motion: Motion
    start: View
    end: View
    transition: Literal["none", "hard", "dissolve"]
    objects: tuple[PictureObject, ...]
    margin: int = 0

    @property
    def first_frame(self) -> int:
        """First frame of the shot; for a dissolve the first in which the new picture weighs half or more."""
        return self.first_beat * FRAMES_PER_BEAT


@dataclass(frozen=True)
class Sentence:
    """A spoken sentence: the time in seconds at which its audio starts, and its caption lines in order."""

    start_s: float
    captions: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole sentence as the synthesiser gets it."""
        return " ".join(self.captions)


@dataclass(frozen=True)
class Title:
    """The title: text, first visible frame, end frame (exclusive) and length of its fades in frames."""

    text: str
    first_frame: int
    end_frame: int
    fade_frames: int


TITLE = Title(text="LAUNCH DAY", first_frame=6, end_frame=96, fade_frames=6)

SENTENCES = (
    Sentence(
        0.0,
        (
            "On launch day,",
            "the morning starts",
            "with a hot cup",
            "of coffee,",
            "and a cat who wants",
            "her breakfast.",
        ),
    ),
    Sentence(6.0, ("The photographer", "gets ready,", "and the astronaut", "smiles for her", "portrait.")),
    Sentence(12.8, ("Outside,", "the rocket waits", "under the", "evening sky.")),
    Sentence(16.4, ("And beyond it,", "there are thousands", "of galaxies.")),
)

SHOTS = (
    Shot(
        "coffee",
        "data/coffee.png",
        0,
        "zoom_in",
        View(288, 168, 500),
        View(288, 168, 425),
        "none",
        (PictureObject("cup", (172, 17, 241, 290)), PictureObject("spoon", (316, 66, 109, 260))),
        margin=90,
    ),
    Shot(
        "chelsea",
        "data/chelsea.png",
        6,
        "static",
        View(238, 157, 446),
        View(238, 157, 446),
        "hard",
        (PictureObject("cat", (0, 0, 390, 300)),),
        margin=80,
    ),
    Shot(
        "camera",
        "data/camera.png",
        10,
        "zoom_out",
        View(225, 200, 400),
        View(205, 256, 512),
        "hard",
        (
            PictureObject("person", (0, 62, 335, 450)),
            PictureObject("face", (190, 105, 66, 96)),
            PictureObject("camera", (256, 137, 70, 48)),
        ),
    ),
    Shot(
        "astronaut",
        "data/astronaut.png",
        13,
        "zoom_in",
        View(216, 256, 512),
        View(220, 192, 370),
        "hard",
        (PictureObject("person", (20, 14, 345, 498)), PictureObject("face", (176, 62, 92, 120))),
    ),
    Shot(
        "rocket",
        "data/rocket.jpg",
        21,
        "pan_right",
        View(132, 213.5, 427),
        View(366, 213.5, 427),
        "hard",
        (PictureObject("rocket", (308, 126, 30, 282)),),
    ),
    Shot(
        "hubble_deep_field",
        "data/hubble_deep_field.jpg",
        27,
        "zoom_in",
        View(560, 436, 860),
        View(600, 450, 620),
        "dissolve",
        (),
    ),
)
