"""The words upon the picture: a title, and captions that light up the word being spoken.

Font: DejaVu Sans Bold from matplotlib's wheel. Boxes are x, y, width, height in [0, 1] of the frame, with the
outline.
"""

from dataclasses import dataclass
from importlib import resources

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo_clip.storyboard import FPS, HEIGHT, SENTENCES, SHOTS, TITLE, WIDTH, Box
from demo_clip.voice import Utterance, Word

TITLE_SIZE_PX = 84
TITLE_CENTER_Y = 0.145  # below what phones and apps draw at the top
CAPTION_SIZE_PX = 54
CAPTION_CENTER_Y = 0.70  # above the description and the buttons that apps draw over the lower quarter
SIDE_MARGIN = 0.05  # of the width, left free on either side
OUTLINE_PX = 6
SHADOW_BLUR_PX = 7
SHADOW_DROP_PX = 5
SHADOW_OPACITY = 170
TITLE_COLOUR = (255, 255, 255, 255)
CAPTION_COLOUR = (255, 255, 255, 255)
SPOKEN_COLOUR = (255, 214, 10, 255)
OUTLINE_COLOUR = (12, 12, 16, 255)
CAPTION_LEAD_FRAMES = 2  # a caption stands this long before its first word, so that it is never late
CAPTION_TAIL_FRAMES = 9  # and at most this long after its last word, but not into the next shot


@dataclass(frozen=True)
class Lettering:
    """A text on screen in the frames `[first_frame, end_frame)`, `fade_frames` long faded in and out."""

    text: str
    kind: str
    first_frame: int
    end_frame: int
    fade_frames: int
    box: Box
    words: tuple[Word, ...]

    def opacity(self, frame: int) -> float:
        """Return the opacity in frame `frame`: 0 outside, 1 when fully there."""
        if not self.first_frame <= frame < self.end_frame:
            return 0.0
        edge = min(frame - self.first_frame + 1, self.end_frame - frame)
        return min(1.0, edge / (self.fade_frames + 1))

    def spoken(self, frame: int) -> int | None:
        """Return which word of the caption is or was last spoken in `frame`; None before the first."""
        now = (frame + 0.5) / FPS
        started = [i for i, word in enumerate(self.words) if word.start_s <= now]
        return started[-1] if started else None


def plan(utterances: list[Utterance]) -> list[Lettering]:
    """Return every text of the clip in order of time; captions are timed by the words' own times."""
    title = Lettering(
        TITLE.text,
        "title",
        TITLE.first_frame,
        TITLE.end_frame,
        TITLE.fade_frames,
        _box(TITLE.text, "title"),
        (),
    )
    captions: list[Lettering] = []
    for sentence, utterance in zip(SENTENCES, utterances, strict=True):
        words = iter(utterance.words)
        chunks = [(text, tuple(next(words) for _ in text.split())) for text in sentence.captions]
        for i, (text, spoken) in enumerate(chunks):
            first = round(spoken[0].start_s * FPS) - CAPTION_LEAD_FRAMES
            said = round(spoken[-1].end_s * FPS)
            end = min([said + CAPTION_TAIL_FRAMES, *(s.first_frame for s in SHOTS if s.first_frame >= said)])
            if i + 1 < len(chunks):
                end = min(end, round(chunks[i + 1][1][0].start_s * FPS) - CAPTION_LEAD_FRAMES)
            captions.append(Lettering(text, "caption", max(0, first), end, 0, _box(text, "caption"), spoken))
    return [title, *captions]


class Letterer:
    """Draws texts upon frames; drawn layers are kept, as most frames repeat the one before."""

    def __init__(self) -> None:
        """Start with no layer drawn."""
        self._layers: dict[tuple[str, int | None], Image.Image] = {}

    def draw(self, picture: Image.Image, texts: list[Lettering], frame: int) -> Image.Image:
        """Return `picture` with those of `texts` upon it that stand in frame `frame`."""
        drawn = picture.convert("RGBA")
        for text in texts:
            opacity = text.opacity(frame)
            if opacity == 0.0:
                continue
            key = text.text, text.spoken(frame)
            if key not in self._layers:
                self._layers[key] = _with_shadow(_layer(text.text, text.kind, key[1]))
            layer = self._layers[key]
            if opacity < 1.0:
                layer = layer.copy()
                layer.putalpha(layer.getchannel("A").point(lambda v, o=opacity: v * o))
            drawn.alpha_composite(layer)
        return drawn.convert("RGB")


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = resources.files("matplotlib") / "mpl-data" / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    with resources.as_file(font) as path:
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _layer(text: str, kind: str, spoken: int | None) -> Image.Image:
    """Return the text alone, RGBA of the frame's size, its word number `spoken` in another colour."""
    is_title = kind == "title"
    font = _font(TITLE_SIZE_PX if is_title else CAPTION_SIZE_PX)
    middle = round((TITLE_CENTER_Y if is_title else CAPTION_CENTER_Y) * HEIGHT)
    left = round((WIDTH - font.getlength(text)) / 2)
    layer = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    pen.text((left, middle), text, OUTLINE_COLOUR, font, "lm", stroke_width=OUTLINE_PX)
    words = text.split()
    for i, word in enumerate(words):
        x = left + font.getlength(" ".join([*words[:i], ""])) if i else left
        colour = TITLE_COLOUR if is_title else SPOKEN_COLOUR if i == spoken else CAPTION_COLOUR
        pen.text((x, middle), word, colour, font, "lm")
    return layer


def _with_shadow(layer: Image.Image) -> Image.Image:
    """Return the layer upon a soft shadow of itself."""
    alpha = layer.getchannel("A").point(lambda v: v * SHADOW_OPACITY // 255)
    shadow = Image.new("RGBA", layer.size, (0, 0, 0, 0))
    shadow.paste((0, 0, 0, 255), (0, SHADOW_DROP_PX), alpha)
    shadow = shadow.filter(ImageFilter.GaussianBlur(SHADOW_BLUR_PX))
    shadow.alpha_composite(layer)
    return shadow


def _box(text: str, kind: str) -> Box:
    bounds = _layer(text, kind, None).getchannel("A").getbbox()
    if bounds is None:
        raise ValueError(f"the text {text!r} draws no pixel: give it a visible character")
    left, top, right, bottom = bounds
    if left < SIDE_MARGIN * WIDTH or right > (1.0 - SIDE_MARGIN) * WIDTH:
        raise ValueError(f"the text {text!r} spans pixels {left} to {right} of {WIDTH}: make it shorter")
    return left / WIDTH, top / HEIGHT, (right - left) / WIDTH, (bottom - top) / HEIGHT
