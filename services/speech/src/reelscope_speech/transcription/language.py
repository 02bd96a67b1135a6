"""Which language is spoken: heard once, from enough speech, and then kept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

SURE_SPEECH_S: Final = 5.0
"""Speech after which a clear answer is kept."""

SURE_PROBABILITY: Final = 0.8
"""A clear answer."""

ENOUGH_SPEECH_S: Final = 30.0
"""Speech after which any answer is kept."""

_FLOOR: Final = 1e-4
"""Least probability that one window gives a language: one bad window must not rule it out."""

_TAGS: Final = {"jw": "jv"}
"""Whisper's codes that are not BCP 47."""


def to_tag(code: str) -> str:
    """BCP 47 tag of a Whisper code."""
    return _TAGS.get(code, code)


def to_code(tag: str) -> str:
    """Whisper's code of a BCP 47 tag: its primary language."""
    primary = tag.replace("_", "-").split("-")[0].casefold()
    return next((code for code, other in _TAGS.items() if other == primary), primary)


@dataclass(slots=True)
class LanguageVote:
    """Gathers what each window says, weighted by how much speech it holds."""

    speech_s: float = 0.0
    _logs: dict[str, float] = field(default_factory=dict)

    def add(self, probabilities: dict[str, float], speech_s: float) -> None:
        """Takes one window's probabilities."""
        self.speech_s += speech_s
        for code, probability in probabilities.items():
            self._logs[code] = self._logs.get(code, 0.0) + speech_s * math.log(max(probability, _FLOOR))

    @property
    def best(self) -> tuple[str, float]:
        """The likeliest code and its probability, by the geometric mean over the speech heard."""
        if not self._logs or self.speech_s <= 0:
            return "", 0.0
        means = {code: math.exp(total / self.speech_s) for code, total in self._logs.items()}
        code = max(means, key=means.__getitem__)
        return code, means[code] / sum(means.values())

    @property
    def settled(self) -> bool:
        """Whether further windows need not be asked."""
        if self.speech_s >= ENOUGH_SPEECH_S:
            return True
        return self.speech_s >= SURE_SPEECH_S and self.best[1] >= SURE_PROBABILITY
