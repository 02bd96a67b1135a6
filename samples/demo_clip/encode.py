"""Writes the clip: H.264 High, yuv420p in BT.709, and AAC-LC, in an MP4 whose index comes first."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image

from demo_clip.storyboard import FPS, HEIGHT, WIDTH
from demo_clip.voice import SAMPLE_RATE_HZ

CRF = 25  # the soft, enlarged pictures show no blocks at this value, and the file stays below 3 MB
KEYFRAME_EVERY = 2 * FPS
AUDIO_BIT_RATE = 128_000
X264_THREADS = 1  # x264's output depends on the number of threads: fixed, so that runs agree
X264_PARAMS = "mbtree=0"  # with it this build of x264 writes other bytes at each run where there is AVX-512
AAC_FRAME = 1024


def write(
    path: Path,
    frames: Iterable[Image.Image],
    sound: npt.NDArray[np.float64],
    *,
    metadata: dict[str, str],
) -> None:
    """Encode `frames` (RGB, the clip's size) and `sound` (shape (2, samples), full scale 1) into `path`."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        container.metadata.update(metadata)
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, FPS)
        video.options = {"crf": str(CRF), "preset": "slow", "profile": "high", "g": str(KEYFRAME_EVERY)}
        video.options |= {"x264-params": X264_PARAMS}
        context = video.codec_context
        context.thread_count = X264_THREADS
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        audio = container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")
        audio.bit_rate = AUDIO_BIT_RATE
        for number, image in enumerate(frames):
            rgb = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame = rgb.reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for first in range(0, sound.shape[1], AAC_FRAME):
            samples = np.ascontiguousarray(sound[:, first : first + AAC_FRAME], dtype=np.float32)
            block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            block.sample_rate, block.pts, block.time_base = SAMPLE_RATE_HZ, first, Fraction(1, SAMPLE_RATE_HZ)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
