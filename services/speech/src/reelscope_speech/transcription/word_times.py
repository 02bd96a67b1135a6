"""Tightens word times to the sound.

The alignment gives a word everything since the word before it, so a pause counts to the word that follows. A word's start
is moved forward to where its sound begins, and its end back to where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.features.region_tracker import Region
from reelscope_speech.transcription.words import TimedWord

FRAME_S: Final = 0.01
"""Step of the energy curve."""

DROP_DB: Final = 25.0
"""What is so far below the word's loudest 10 ms is not the word: consonants lie 10-20 dB below vowels."""

MAX_SHARE: Final = 0.6
"""At most so much of a word is cut from one side: a word of one plosive and a long vowel stays whole."""


MIN_SIDE_S: Final = 0.06
"""The shortest part of a word that counts as sound, beside the padding of the regions."""


def energy_db(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Level of each 10 ms, dB of full scale, shape [frames]."""
    size = round(sample_rate * FRAME_S)
    count = len(samples) // size
    power = np.mean(np.square(samples[: count * size].reshape(count, size), dtype=np.float64), axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(power + 1e-10)
    return levels


def confine(words: Sequence[TimedWord], regions: Sequence[Region]) -> tuple[TimedWord, ...]:
    """Takes the pauses out of words: one that spans a pause belongs to the side that follows, if it has sound enough there;
    one that begins before or ends after the speech is cut to it. This holds under music too, where energy tells nothing.

    Args:
        words: On the regions' clock.
        regions: Speech, in order.
    """
    confined = []
    for word in words:
        for before, after in pairwise(regions):
            pause_s = after.start_s - before.end_s
            if pause_s <= 0 or not (word.start_s < before.end_s and word.end_s > after.start_s):
                continue
            if word.end_s - after.start_s >= MIN_SIDE_S:
                word = replace(word, start_s=after.start_s)  # noqa: PLW2901 - narrowed pause by pause
            else:
                word = replace(word, end_s=before.end_s)  # noqa: PLW2901
        confined.append(_cut(word, regions))
    return tuple(confined)


def _cut(word: TimedWord, regions: Sequence[Region]) -> TimedWord:
    """The word within the regions that it touches."""
    touched = [region for region in regions if word.start_s < region.end_s and word.end_s > region.start_s]
    if not touched:
        return word
    start_s, end_s = max(word.start_s, touched[0].start_s), min(word.end_s, touched[-1].end_s)
    return replace(word, start_s=start_s, end_s=end_s) if end_s - start_s >= MIN_SIDE_S else word


def tighten(
    words: Sequence[TimedWord], samples: NDArray[np.float32], sample_rate: int, start_s: float
) -> tuple[TimedWord, ...]:
    """Word times without the silence around them.

    Args:
        words: On the clip's clock.
        samples: Mono.
        sample_rate: Hz.
        start_s: Time of the first sample on the clip's clock.
    """
    levels = energy_db(samples, sample_rate)
    return tuple(_tighten(word, levels, start_s) for word in words)


def _tighten(word: TimedWord, levels: NDArray[np.float64], start_s: float) -> TimedWord:
    first, last = (max(0, round((time_s - start_s) / FRAME_S)) for time_s in (word.start_s, word.end_s))
    inside = levels[first:last]
    if len(inside) < 2:  # noqa: PLR2004 - nothing to cut from one frame
        return word
    sounding = np.flatnonzero(inside >= inside.max() - DROP_DB)
    most = MAX_SHARE * len(inside)
    lead = min(float(sounding[0]), most)
    tail = min(float(len(inside) - 1 - sounding[-1]), most)
    return replace(word, start_s=word.start_s + lead * FRAME_S, end_s=word.end_s - tail * FRAME_S)
