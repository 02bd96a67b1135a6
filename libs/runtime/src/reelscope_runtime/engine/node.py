"""What an analyzer is.

An analyzer is one declarative class in one file:

    class CutAnalysis(Analyzer):
        name = "cut_analysis"
        version = "1"
        description = "Hard cuts and gradual transitions"
        detail = "cut"
        frames = FrameSpec(48, 27, fit="stretch")
        models = ("transnetv2",)
        lookback_s = 0.0

        def process(self, item): ...   # -> segments that are final
        def flush(self): ...           # -> the rest
        def summary(self): ...         # -> Summary

A feature is the same, but gives items that other nodes require by its name. Nodes never import gRPC, NATS or a decoder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.media.items import AnyItem, AudioSpec, FrameSpec, Spec


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What a node knows of the task that it was made for.

    Attributes:
        media: The probed media. `media.video` is unset where there is no video; the same for audio.
        options: What the caller chose.
        model: Gives the loaded model of a name in the node's `models` or `optional_models`; it stays loaded until the task
            ends.
        threads: Compute threads that the node may use in libraries of its own.
        is_stopped: Whether the task was cancelled; a call that lasts seconds asks now and then, and returns early.
    """

    media: MediaInfo
    options: AnalyzeOptions
    model: Callable[[str], Any]
    threads: int = 1
    is_stopped: Callable[[], bool] = lambda: False


class Node(ABC):
    """One step of the graph. An instance lives for one task and is called by one thread at a time.

    Attributes:
        name: Unique in the service; what others require it by.
        version: Changes whenever the same input may give another output: part of the result's key.
        frames: The frames that it wants, delivered as items with source "frames"; None: none.
        audio: The audio that it wants, delivered as items with source "audio"; None: none.
        requires: Names of features and analyzers whose output it wants, delivered as items with their name as source. All
            inputs come merged in the order of their times; at equal times frames, audio, then `requires` in its order.
        wants: Like `requires`, after them in order, but the node goes on without an input whose node fails or can't run.
        at_end: Those of `requires` and `wants` that are known only at the clip's end, say who is who: they are delivered when
            all other inputs are over, and hold none of them up. For nodes that give everything in `flush` (`lookback_s` is
            infinite).
        models: Names of the manifest's tasks that `context.model` is asked for.
        optional_models: The same; `context.model` gives None for one that is not in the profile, or not there.
        lookback_s: After an input at time t was processed, no output earlier than t - lookback_s will come, but for what
            `held_from_s` tells of. Bounds how long the inputs of dependants wait.
        hears_language: Whether `options.language` changes what it gives.
        batch: `process_batch` is called with so many items at once (fewer at the end).
    """

    name: ClassVar[str]
    version: ClassVar[str]
    frames: ClassVar[FrameSpec | None] = None
    audio: ClassVar[AudioSpec | None] = None
    requires: ClassVar[tuple[str, ...]] = ()
    wants: ClassVar[tuple[str, ...]] = ()
    at_end: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[str, ...]] = ()
    optional_models: ClassVar[tuple[str, ...]] = ()
    lookback_s: ClassVar[float] = 0.0
    batch: ClassVar[int] = 1
    hears_language: ClassVar[bool] = False

    def __init__(self, context: NodeContext) -> None:
        self.context = context

    def held_from_s(self) -> float:
        """Time of the earliest output that waits for an input to come, which may be far: the next frame, after a gap in the
        timestamps. Infinite where `lookback_s` says all."""
        return math.inf

    @classmethod
    def media_inputs(cls) -> dict[str, Spec]:
        """What it wants of the decoder, by the source that it comes as."""
        specs: tuple[tuple[str, Spec | None], ...] = (("frames", cls.frames), ("audio", cls.audio))
        return {source: spec for source, spec in specs if spec is not None}

    @classmethod
    def inputs(cls) -> tuple[str, ...]:
        """All nodes whose output it takes, where there is any."""
        return (*cls.requires, *cls.wants)

    @classmethod
    def model_tasks(cls) -> tuple[str, ...]:
        """All models that it may use."""
        return (*cls.models, *cls.optional_models)

    @classmethod
    def unavailable_reason(cls) -> str:
        """Why this node can't run in this installation and how it can be made to; empty where it can."""
        return ""


class Feature(Node):
    """A node whose items others require: faces, shots, speech regions …

    Others read a value while the node works on: what was given must not change any more.
    """

    @abstractmethod
    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one input; gives the items that are final now, in the order of their times."""

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[AnyItem]:
        """Takes `batch` inputs at once; one after the other unless a node does better."""
        for item in items:
            yield from self.process(item)

    def flush(self) -> Iterable[AnyItem]:
        """The input is over: gives the rest."""
        return ()


class Analyzer(Node):
    """A node whose segments stand in the document. Other nodes may require it too: its segments are their items' values.

    Attributes:
        description: One line for people.
        detail: The field of Segment and Summary that it fills.
        stills: Whether it has something to say of a single picture.
    """

    description: ClassVar[str]
    detail: ClassVar[str]
    stills: ClassVar[bool] = False

    @abstractmethod
    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes one input; gives the segments that are final now."""

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[Segment]:
        """Takes `batch` inputs at once; one after the other unless an analyzer does better."""
        for item in items:
            yield from self.process(item)

    def flush(self) -> Iterable[Segment]:
        """The input is over: gives the rest."""
        return ()

    @abstractmethod
    def summary(self) -> Summary:
        """What holds for the whole clip; called once, after `flush`."""

    def coverage(self) -> float | None:
        """Fraction of the media that was really examined, where the analyzer knows better than the engine, which takes
        the time spanned by the inputs over the duration of the stream that they come from. None: the engine's."""
        return None


AnyNode = Feature | Analyzer
