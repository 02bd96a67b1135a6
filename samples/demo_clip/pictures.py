"""Loads the pictures that scikit-image's wheel carries and looks at them through a moving camera.

Images are RGB, uint8, in Pillow's orientation. Camera views are in source pixels (see `storyboard.View`).
"""

from importlib import resources

import numpy as np
from PIL import Image, ImageFilter

from demo_clip.storyboard import DISSOLVE_FRAMES, HEIGHT, SHOTS, TOTAL_FRAMES, WIDTH, Box, Shot, View

SURROUND_BLUR_PX = 64  # on the enlarged picture: enough to hide that the surroundings are a mirror image
SURROUND_GAIN = 0.8  # the surroundings step back, and the title stays readable upon them
FEATHER_PX = 110  # on the enlarged picture: no visible seam between the picture and its surroundings
SHARPEN = ImageFilter.UnsharpMask(radius=2.2, percent=70, threshold=2)  # what the enlargement has softened
SHARPEN_FROM_SCALE = 2.2  # below it a picture is sharp enough, and sharpened grain would only cost bits


def load_picture(shot: Shot) -> Image.Image:
    """Return the shot's picture in RGB, from the installed scikit-image package."""
    with resources.as_file(resources.files("skimage") / shot.file) as path, Image.open(path) as image:
        return image.convert("RGB")


def frame_range(index: int) -> tuple[int, int]:
    """Return the frames `[first, end)` in which shot `index` can be seen, its dissolves included."""
    half = DISSOLVE_FRAMES // 2
    shot = SHOTS[index]
    first = shot.first_frame - (half if shot.transition == "dissolve" else 0)
    if index + 1 == len(SHOTS):
        return first, TOTAL_FRAMES
    following = SHOTS[index + 1]
    return first, following.first_frame + (half if following.transition == "dissolve" else 0)


def view_at(shot: Shot, progress: float) -> View:
    """Return the view at `progress` in [0, 1]; pans are linear, zooms go at a constant rate about a point."""
    start, end = shot.start, shot.end
    height = start.height * (end.height / start.height) ** progress
    moved = progress if start.height == end.height else (start.height - height) / (start.height - end.height)
    return View(
        center_x=start.center_x + (end.center_x - start.center_x) * moved,
        center_y=start.center_y + (end.center_y - start.center_y) * moved,
        height=height,
    )


def project(box: Box, view: View) -> Box:
    """Return where a source box appears in the frame: x, y, width, height in [0, 1], clipped to the frame."""
    view_width = view.height * WIDTH / HEIGHT
    left = (box[0] - view.center_x) / view_width + 0.5
    top = (box[1] - view.center_y) / view.height + 0.5
    right = min(1.0, left + box[2] / view_width)
    bottom = min(1.0, top + box[3] / view.height)
    left, top = max(0.0, left), max(0.0, top)
    return left, top, max(0.0, right - left), max(0.0, bottom - top)


class MovingPicture:
    """A shot's picture, enlarged once, from which every frame of the shot is sampled."""

    def __init__(self, shot: Shot, first_frame: int, end_frame: int) -> None:
        """Prepare the picture of `shot`, which is seen in the frames `[first_frame, end_frame)`."""
        self._shot = shot
        self._first = first_frame
        self._last = end_frame - 1
        picture = load_picture(shot)
        self._scale = HEIGHT / min(shot.start.height, shot.end.height)
        size = round(picture.width * self._scale), round(picture.height * self._scale)
        enlarged = picture.resize(size, Image.Resampling.LANCZOS)
        if self._scale >= SHARPEN_FROM_SCALE:
            enlarged = enlarged.filter(SHARPEN)
        self._margin = round(shot.margin * self._scale)
        self._canvas = _add_surroundings(enlarged, self._margin) if self._margin else enlarged

    def view(self, frame: int) -> View:
        """Return the camera's view in frame `frame` of the clip."""
        return view_at(self._shot, (frame - self._first) / (self._last - self._first))

    def frame(self, frame: int) -> Image.Image:
        """Return frame `frame` of the clip as this shot shows it: RGB, `WIDTH` x `HEIGHT`."""
        view = self.view(frame)
        step = view.height * self._scale / HEIGHT
        left = view.center_x * self._scale - step * WIDTH / 2
        top = view.center_y * self._scale + self._margin - step * HEIGHT / 2
        return self._canvas.transform(
            (WIDTH, HEIGHT),
            Image.Transform.AFFINE,
            (step, 0.0, left, 0.0, step, top),
            Image.Resampling.BICUBIC,
        )


def _add_surroundings(picture: Image.Image, margin: int) -> Image.Image:
    """Return the picture with `margin` rows of its blurred mirror image above and below, blended in."""
    pixels = np.asarray(picture)
    mirrored = Image.fromarray(np.pad(pixels, ((margin, margin), (0, 0), (0, 0)), mode="reflect"))
    blurred = mirrored.filter(ImageFilter.GaussianBlur(SURROUND_BLUR_PX)).point(lambda v: v * SURROUND_GAIN)
    inside = np.arange(pixels.shape[0]) + 1.0
    ramp = np.clip(np.minimum(inside, inside[::-1]) / FEATHER_PX, 0.0, 1.0)
    weight = np.pad(ramp * ramp * (3.0 - 2.0 * ramp), margin)
    mask = np.repeat(np.rint(weight * 255.0).astype(np.uint8)[:, np.newaxis], pixels.shape[1], axis=1)
    return Image.composite(mirrored, blurred, Image.fromarray(mask))
