"""LocalAgreement-2: what two readings of growing audio agree on is final.

Source: Machacek, Dabre & Bojar, Turning Whisper into Real-Time Transcription System, IJCNLP-AACL 2023 (demonstrations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reelscope_speech.transcription.words import TimedWord, join

_SLACK_S: Final = 0.1
"""A word whose middle lies so little before the last final word's end may still be a new one."""

_MOST_DOUBLED: Final = 5
_DRIFT_S: Final = 0.25
"""Words at the end of what is final may come again so much later in the next reading: they are not said twice (as in the
authors' own implementation)."""


@dataclass(slots=True)
class Agreement:
    """The words of one stream.

    Attributes:
        end_s: End of the last final word.
    """

    end_s: float = 0.0
    _before: list[TimedWord] = field(default_factory=list)
    _tail: list[str] = field(default_factory=list)

    def hear(self, words: Sequence[TimedWord]) -> list[TimedWord]:
        """Takes a reading of all the open audio; gives the words that are final by it."""
        fresh = self._fresh(words)
        agreed = 0
        for ours, theirs in zip(fresh, self._before, strict=False):
            if _plain(ours.text) != _plain(theirs.text):
                break
            agreed += 1
        final = self._commit(fresh[:agreed])
        self._before = fresh[agreed:]
        return final

    def settle(self, words: Sequence[TimedWord]) -> list[TimedWord]:
        """Takes the last reading of the open audio: all that is new in it is final."""
        final = self._commit(self._fresh(words))
        self._before = []
        return final

    @property
    def interim(self) -> str:
        """What the last reading has beyond the final words."""
        return join(self._before)

    def _fresh(self, words: Sequence[TimedWord]) -> list[TimedWord]:
        """What a reading has beyond the final words: later ones, without what was final already at a slightly other time."""
        later = [word for word in words if (word.start_s + word.end_s) / 2 > self.end_s - _SLACK_S * bool(self.end_s)]
        for count in range(min(_MOST_DOUBLED, len(later), len(self._tail)), 0, -1):
            said = [_plain(word.text) for word in later[:count]]
            if said == self._tail[-count:] and later[0].start_s < self.end_s + _DRIFT_S:
                return later[count:]
        return later

    def _commit(self, words: Sequence[TimedWord]) -> list[TimedWord]:
        """Final words on a clock that never goes back."""
        final = []
        for word in words:
            start_s = max(word.start_s, self.end_s)
            end_s = max(word.end_s, start_s)
            final.append(replace(word, start_s=start_s, end_s=end_s))
            self.end_s = end_s
        self._tail = [*self._tail, *(_plain(word.text) for word in final)][-_MOST_DOUBLED:]
        return final


def _plain(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
