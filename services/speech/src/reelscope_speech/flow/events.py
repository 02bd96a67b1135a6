"""What interrupts the flow of speech, at its time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlowEvent:
    """One interruption.

    Attributes:
        kind: As in the contract's SpeechFlowDetail.
        start_s: Start.
        end_s: End.
        confidence: In [0,1].
        text: What was said, where it was recognised.
        speaker_id: Who, where it is known.
    """

    kind: str
    start_s: float
    end_s: float
    confidence: float
    text: str = ""
    speaker_id: str = ""
