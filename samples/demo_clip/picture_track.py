"""Makes the clip's frames in order: shots, dissolve, texts and the fade to black."""

from collections.abc import Iterator

from PIL import Image

from demo_clip.lettering import Letterer, Lettering
from demo_clip.pictures import MovingPicture, frame_range
from demo_clip.storyboard import FADE_OUT_FRAMES, HEIGHT, SHOTS, TOTAL_FRAMES, WIDTH


def render(texts: list[Lettering]) -> Iterator[Image.Image]:
    """Yield every frame, RGB, `WIDTH` x `HEIGHT`."""
    ranges = [frame_range(i) for i in range(len(SHOTS))]
    letterer = Letterer()
    black = Image.new("RGB", (WIDTH, HEIGHT))
    playing: dict[int, MovingPicture] = {}
    for frame in range(TOTAL_FRAMES):
        seen = [i for i, (first, end) in enumerate(ranges) if first <= frame < end]
        playing = {i: playing.get(i) or MovingPicture(SHOTS[i], *ranges[i]) for i in seen}
        picture = playing[seen[0]].frame(frame)
        for i in seen[1:]:
            weight = dissolve_weight(frame - ranges[i][0], ranges[seen[0]][1] - ranges[i][0])
            picture = Image.blend(picture, playing[i].frame(frame), weight)
        picture = letterer.draw(picture, texts, frame)
        yield Image.blend(picture, black, fade_weight(frame))


def dissolve_weight(step: int, length: int) -> float:
    """Return the new picture's weight in frame `step` of a dissolve of `length` frames: never 0, never 1."""
    return (step + 1) / (length + 1)


def fade_weight(frame: int) -> float:
    """Return the weight of black in frame `frame`: 0 until the fade to black begins, 1 in the last frame."""
    return max(0.0, (frame - (TOTAL_FRAMES - FADE_OUT_FRAMES) + 1) / FADE_OUT_FRAMES)
