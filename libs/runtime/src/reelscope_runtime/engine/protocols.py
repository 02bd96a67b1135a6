"""What the engine needs of the decoder, of the models, and of whoever listens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, ModelInfo, Segment
from reelscope_runtime.media.items import AnyItem


class Decoding(Protocol):
    """What the engine needs of a running decoder (see `media.host.Decoding`)."""

    @property
    def position_s(self) -> float:
        """How far it has come."""

    @property
    def frames_decoded(self) -> int:
        """Video frames so far."""

    @property
    def decode_s(self) -> float:
        """CPU seconds spent."""

    @property
    def video_end_s(self) -> float:
        """End of the last frame."""

    @property
    def audio_end_s(self) -> float:
        """End of the last sample."""

    @property
    def ended_streams(self) -> set[str]:
        """Those of "video" and "audio" of which nothing comes after the items given so far."""

    @property
    def warnings(self) -> list[str]:
        """What was odd."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def __iter__(self) -> Iterator[tuple[str, AnyItem]]: ...
    def cancel(self) -> None:
        """Ends the iteration, from another thread."""


class LeasedModel(Protocol):
    """A loaded model and what is known of it."""

    @property
    def model(self) -> Any:  # noqa: ANN401 - whatever its loader gives
        """What its loader gave."""

    @property
    def info(self) -> ModelInfo:
        """As it stands in the results."""


class Sink(Protocol):
    """Who hears of the work as it goes on. Called from the thread that runs."""

    def progress(self, fraction: float, media_time_s: float) -> None:
        """How far the work has come."""

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        """New final segments; the first has this number in the order in which they were found."""

    def result(self, result: AnalyzerResult) -> None:
        """An analyzer is done."""
