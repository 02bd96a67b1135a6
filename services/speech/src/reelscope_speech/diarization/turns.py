"""Who speaks when: the voices laid along time by a hidden Markov model, and measured again on what each was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.diarization.clustering import Voices, cluster
from reelscope_speech.diarization.slices import SLICE_S, RegionVoice
from reelscope_speech.diarization.space import MOST_WINDOWS, cut_windows, whiten

CHANGE_COST: Final = 8.0
"""Nats that a change of speaker within a region costs: exp(-8) per slice is one an hour by chance."""

PAUSE_CHANGE_COST: Final = 2.0
"""The same where a pause lies between: one turn in a few ends there."""

BRIDGE_S: Final = 1.0
"""A longer silence ends a turn even if nobody else speaks: about a second is the longest that conversation allows within one
(Jefferson, 1989)."""

_ROUNDS: Final = 4
"""Viterbi and new means change nothing after a few."""

_LEAST_WINDOW: Final = 3.0
_LEAST_SPEAKER: Final = 5.0
"""Voiced slices (0.1 s) that a window must have to take part in the clustering, and a speaker to count as one: half a second of
voice is about three syllables."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of one speaker.

    Attributes:
        start_s: Start.
        end_s: End.
        speaker: 0 for who speaks first.
        confidence: That it is this one of the clip's speakers, in [0, 1].
        speech_s: Its length without the pauses.
    """

    start_s: float
    end_s: float
    speaker: int
    confidence: float
    speech_s: float


def find_turns(regions: Sequence[RegionVoice]) -> list[Turn]:
    """Finds the speakers of a clip and their turns, in the order of time."""
    regions = [region for region in regions if region.end_s > region.start_s]
    if not regions:
        return []
    values = np.concatenate([region.values for region in regions]).astype(np.float64)
    weights = np.concatenate([region.weights for region in regions]).astype(np.float64)
    windows = cut_windows(regions)
    points = whiten(values, weights, windows)
    costs = _change_costs(regions)
    voices = _cluster_windows(points, weights, windows)
    labels = np.zeros(len(weights), np.intp)
    for _ in range(_ROUNDS if len(voices.means) > 1 else 0):
        labels = _viterbi(_likelihoods(points, weights, voices.means), costs)
        again = _measure_again(points, weights, labels, len(voices.means))
        settled = len(again.means) == len(voices.means) and np.allclose(again.means, voices.means, atol=1e-3)
        voices = again
        if settled or len(voices.means) == 1:
            break
    likelihoods = _likelihoods(points, weights, voices.means)
    labels = _viterbi(likelihoods, costs)
    return _turns(regions, labels, _margins(likelihoods, labels), weights, voices)


def _change_costs(regions: Sequence[RegionVoice]) -> NDArray[np.float64]:
    """Cost of a change before each slice; the first of a region follows a pause, unless the region was cut for its length."""
    costs = np.full(sum(len(region.weights) for region in regions), CHANGE_COST)
    first = 0
    for before, region in pairwise(regions):
        first += len(before.weights)
        if region.start_s - before.end_s > SLICE_S:
            costs[first] = PAUSE_CHANGE_COST
    return costs


def _mean(points: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = weights @ points / max(float(weights.sum()), 1e-9)
    return mean


def _cluster_windows(points: NDArray[np.float64], weights: NDArray[np.float64], windows: Sequence[slice]) -> Voices:
    voiced = {number: float(weights[window].sum()) for number, window in enumerate(windows)}
    fullest = sorted((number for number in voiced if voiced[number] >= _LEAST_WINDOW), key=lambda number: -voiced[number])
    heard = [windows[number] for number in sorted(fullest[:MOST_WINDOWS])]
    if not heard:
        return Voices(_mean(points, weights)[None], np.array([max(float(weights.sum()), 1.0)]), 0.0)
    means = np.array([_mean(points[window], weights[window]) for window in heard])
    return cluster(means, np.array([weights[window].sum() for window in heard]))


def _measure_again(points: NDArray[np.float64], weights: NDArray[np.float64], labels: NDArray[np.intp], count: int) -> Voices:
    """The voices of what each was given; those with too little are gone, those that turn out alike are one."""
    totals = np.array([weights[labels == speaker].sum() for speaker in range(count)])
    kept = [speaker for speaker in range(count) if totals[speaker] >= _LEAST_SPEAKER] or [int(np.argmax(totals))]
    means = np.array([_mean(points[labels == speaker], weights[labels == speaker]) for speaker in kept])
    return cluster(means, np.maximum(totals[kept], 1.0))


def _likelihoods(points: NDArray[np.float64], weights: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log likelihood of each slice under each voice, shape [slices, speakers]."""
    distances = (points**2).sum(axis=1)[:, None] + (means**2).sum(axis=1) - 2 * points @ means.T
    likelihoods: NDArray[np.float64] = -0.5 * weights[:, None] * distances
    return likelihoods


def _viterbi(likelihoods: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.intp]:
    """The likeliest speaker of each slice, shape [slices]; a change before slice i costs costs[i]."""
    count, speakers = likelihoods.shape
    came = np.zeros((count, speakers), np.intp)
    score = likelihoods[0]
    stay = np.arange(speakers)
    for at in range(1, count):
        best = int(np.argmax(score))
        changed = score[best] - costs[at] > score
        came[at] = np.where(changed, best, stay)
        score = likelihoods[at] + np.where(changed, score[best] - costs[at], score)
    labels = np.zeros(count, np.intp)
    labels[-1] = int(np.argmax(score))
    for at in range(count - 1, 0, -1):
        labels[at - 1] = came[at, labels[at]]
    return labels


def _margins(likelihoods: NDArray[np.float64], labels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Log likelihood of each slice's speaker over the next best one's, shape [slices]."""
    rows = np.arange(len(labels))
    own = likelihoods[rows, labels]
    others = likelihoods.copy()
    others[rows, labels] = -np.inf
    return own - others.max(axis=1) if likelihoods.shape[1] > 1 else np.zeros(len(labels))


def _turns(
    regions: Sequence[RegionVoice],
    labels: NDArray[np.intp],
    margins: NDArray[np.float64],
    weights: NDArray[np.float64],
    voices: Voices,
) -> list[Turn]:
    """Slices of one speaker as turns; speakers are numbered in the order in which they are first heard."""
    parts: list[tuple[float, float, int, float, float]] = []
    offset = 0
    for region in regions:
        size = len(region.weights)
        own = labels[offset : offset + size]
        edges = [0, *(np.flatnonzero(np.diff(own)) + 1).tolist(), size]
        for first, beyond in pairwise(edges):
            start_s = region.start_s + first * SLICE_S
            end_s = region.end_s if beyond == size else region.start_s + beyond * SLICE_S
            span = slice(offset + first, offset + beyond)
            parts.append((start_s, end_s, int(own[first]), float(margins[span].sum()), float(weights[span].sum())))
        offset += size
    numbers: dict[int, int] = {}
    turns: list[Turn] = []
    open_: list[tuple[float, float, int, float, float]] = []
    for part in parts:
        numbers.setdefault(part[2], len(numbers))
        if open_ and (part[2] != open_[-1][2] or part[0] - open_[-1][1] > BRIDGE_S):
            turns.append(_turn(open_, numbers, voices))
            open_ = []
        open_.append(part)
    if open_:
        turns.append(_turn(open_, numbers, voices))
    return turns


def _turn(parts: Sequence[tuple[float, float, int, float, float]], numbers: dict[int, int], voices: Voices) -> Turn:
    voiced = sum(part[4] for part in parts)
    if len(voices.means) == 1:
        confidence = 1.0 - 0.5 * voices.closest
    else:
        # The mean margin of a slice, not their sum: slices share the errors of their model.
        margin = sum(part[3] for part in parts) / max(voiced, 1.0)
        confidence = float(1.0 / (1.0 + np.exp(-margin)))
    speech_s = sum(part[1] - part[0] for part in parts)
    return Turn(parts[0][0], parts[-1][1], numbers[parts[0][2]], confidence, speech_s)
