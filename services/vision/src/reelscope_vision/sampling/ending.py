"""How long what the last sampled picture shows is there."""

from __future__ import annotations


def shown_until(end_s: float, rate: float, clip_end_s: float) -> float:
    """To the clip's end, unless another picture would have been sampled before that: then frames are missing.

    Args:
        end_s: Of the last sampled picture. Its end and not its start, for the next one is up to a frame late where the rate is
            no whole part of the clip's.
        rate: Pictures a second that are sampled.
        clip_end_s: In seconds; 0 where it is not known.
    """
    return max(end_s, min(end_s + 1 / rate, clip_end_s))
