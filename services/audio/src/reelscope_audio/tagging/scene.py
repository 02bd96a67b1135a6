"""What the scores of a whole clip say: strongest classes, ambience, indoors or outdoors, style of the music."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.tagging.taxonomy import (
    AMBIENCES,
    GENRES,
    INDOOR,
    MOODS,
    MUSIC,
    OUTDOOR,
    SILENCE,
    Family,
    Stretch,
    expand,
    families,
)

TOP: Final = 10
TOP_FLOOR: Final = 0.02
"""Mean score under which a class is not listed."""

CONTENT_RATIO: Final = 0.5
"""A container is not listed if one of its contents has so much of its score."""

AMBIENCE_FLOOR: Final = 0.08
"""Mean score of the strongest group under which the ambience is open."""

MIXED_RATIO: Final = 0.7
"""The second group has so much of the first one's score: mixed."""

SETTING_FLOOR: Final = 0.05
SETTING_RATIO: Final = 1.5
"""How much likelier one setting must be."""

OUTDOOR_HINT: Final = 0.3
"""Weight of wind, rain and traffic as signs of being outdoors: they are heard through windows too."""

MUSIC_FLOOR: Final = 0.3
"""Score of music in the steps that count for genre and mood."""

STYLE_FLOOR: Final = 0.03
STYLES: Final = 5


class Scene:
    """Gathers scores; constant memory.

    Args:
        names: The model's classes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._families = families(names)
        self._members = np.array([index for family in self._families for index in family.members])
        self._starts = np.cumsum([0, *(len(family.members) for family in self._families[:-1])])
        self._seconds = 0.0
        self._music_s = 0.0
        self._sum = np.zeros(len(names))
        self._music_sum = np.zeros(len(names))
        self._family_sum = np.zeros(len(self._families))
        self._group_sum = np.zeros(len(AMBIENCES))
        self._groups = [list(expand(stretches, names)) for _, stretches in AMBIENCES]
        self._music = list(expand(MUSIC, names))

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of the classes."""
        return self._families

    def feed(self, seconds: float, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes one step's scores, shape [classes]; gives those of the families, shape [families]."""
        by_family: NDArray[np.float32] = np.maximum.reduceat(scores[self._members], self._starts)
        self._seconds += seconds
        self._sum += seconds * scores
        self._family_sum += seconds * by_family
        self._group_sum += [seconds * scores[group].max() if group else 0.0 for group in self._groups]
        if self._music and scores[self._music].max() >= MUSIC_FLOOR:
            self._music_s += seconds
            self._music_sum += seconds * scores
        return by_family

    def top_classes(self) -> list[tuple[str, float]]:
        """Families by mean score, best first, without containers whose contents are there."""
        if self._seconds <= 0:
            return []
        means = self._family_sum / self._seconds
        listed = []
        for family, mean in sorted(zip(self._families, means.tolist(), strict=True), key=lambda pair: -pair[1]):
            contents = [
                other
                for other, score in zip(self._families, means.tolist(), strict=True)
                if score >= CONTENT_RATIO * mean and not family.covered_by.isdisjoint(other.members)
            ]
            if mean >= TOP_FLOOR and not contents:
                listed.append((self._names[family.label], mean))
        return listed[:TOP]

    def ambience(self) -> str:
        """The group that the clip belongs to, "silence", or "mixed"."""
        if self._seconds <= 0:
            return "silence"
        means = self._group_sum / self._seconds
        order = np.argsort(-means)
        best, second = float(means[order[0]]), float(means[order[1]])
        if best < AMBIENCE_FLOOR:
            return "silence" if self._mean(SILENCE) >= 0.5 else "mixed"  # noqa: PLR2004 - more silence than not
        return "mixed" if second >= MIXED_RATIO * best else AMBIENCES[int(order[0])][0]

    def setting(self) -> str:
        """One of "indoor", "outdoor", or "" where the sound does not tell."""
        if self._seconds <= 0:
            return ""
        means = dict(zip((name for name, _ in AMBIENCES), (self._group_sum / self._seconds).tolist(), strict=True))
        indoor = self._mean(INDOOR)
        outdoor = self._mean(OUTDOOR) + OUTDOOR_HINT * max(means["nature"], means["urban"])
        if max(indoor, outdoor) < SETTING_FLOOR:
            return ""
        if indoor >= SETTING_RATIO * outdoor:
            return "indoor"
        return "outdoor" if outdoor >= SETTING_RATIO * indoor else ""

    def genres(self) -> list[tuple[str, float]]:
        """Genres of the music, mean score, best first."""
        return self._styles(GENRES)

    def moods(self) -> list[tuple[str, float]]:
        """Moods of the music, mean score, best first."""
        return self._styles(MOODS)

    def _mean(self, stretches: Sequence[Stretch]) -> float:
        return float(sum(self._sum[index] for index in expand(stretches, self._names))) / self._seconds

    def _styles(self, stretches: Sequence[Stretch]) -> list[tuple[str, float]]:
        if self._music_s <= 0:
            return []
        scores = [
            (self._names[index], float(self._music_sum[index] / self._music_s)) for index in expand(stretches, self._names)
        ]
        return sorted((pair for pair in scores if pair[1] >= STYLE_FLOOR), key=lambda pair: -pair[1])[:STYLES]
