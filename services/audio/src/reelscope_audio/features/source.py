"""What the audio's own form is."""

from __future__ import annotations

from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.media.items import AnyItem


def sample_rate_of(media: MediaInfo, item: AnyItem) -> int:
    """Sample rate of audio that is delivered as it is in the file, Hz.

    Args:
        media: The probed media.
        item: The first chunk, for media whose container does not know its rate.
    """
    if media.audio.sample_rate > 0:
        return int(media.audio.sample_rate)
    count: int = item.value.shape[1]
    return max(1, round(count / max(item.end_s - item.time_s, 1e-6)))
