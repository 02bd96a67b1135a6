"""What the recogniser gives: words on the clip's clock, and how sure it was of the text they stand in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word.

    Attributes:
        text: As the model writes it: with the space before it, where the language has spaces, and its punctuation.
        start_s: Start.
        end_s: End.
        probability: Mean probability of its tokens.
    """

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What one window was read as.

    Attributes:
        words: In order.
        average_log_probability: Mean log probability of the tokens.
        no_speech_probability: The model's probability that the window holds no speech.
        compression_ratio: Length of the text over its zlib-compressed length; loops exceed 2.4.
        hit_limit: Whether decoding stopped at the token limit and not by itself.
    """

    words: tuple[TimedWord, ...]
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    hit_limit: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return join(self.words)


def join(words: tuple[TimedWord, ...] | list[TimedWord]) -> str:
    """The words' text."""
    return "".join(word.text for word in words).strip()
