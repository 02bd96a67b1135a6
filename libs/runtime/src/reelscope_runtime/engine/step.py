"""One node at work within a run: feeds it, measures it, and turns what goes wrong with it into its own problem only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

import structlog

from reelscope.analysis.v1.analysis_pb2 import ModelInfo, NodeTiming, Problem, Segment
from reelscope_runtime.engine.inbox import Inbox
from reelscope_runtime.engine.node import Analyzer, AnyNode, NodeContext
from reelscope_runtime.errors import InternalError, ServiceError
from reelscope_runtime.media.items import AnyItem, Item

log = structlog.get_logger(__name__)

_ROUNDING_S = 1e-6
"""By so much what a node gives may be earlier than its `lookback_s` says: times are sums of fractions."""


class Step:
    """A node instance, its inbox and its measures.

    Attributes:
        segments: Of an analyzer, everything that it gave, in that order.
        problem: Why it stopped; None while all is well.
        status: What its result will say: "succeeded" unless something happened.
        may_end: Whether it is certain that nothing comes any more, of any stream: then it gives the rest.
    """

    def __init__(self, kind: type[AnyNode], duration_s: float) -> None:
        self.kind = kind
        self.node: AnyNode | None = None
        self.name = kind.name
        self.inbox = Inbox([*kind.media_inputs(), *kind.inputs()], kind.at_end)
        self.segments: list[Segment] = []
        self.models: list[ModelInfo] = []
        self.problem: Problem | None = None
        self.status = "succeeded"
        self.consumed_s = 0.0
        self.watermark = -math.inf
        self.has_dependants = False
        self.may_end = False
        self.timing = NodeTiming(node=kind.name)
        self._batch: list[AnyItem] = []
        self._is_flushed = False
        self._duration_s = duration_s

    @property
    def works(self) -> bool:
        """Whether it still takes input."""
        return self.problem is None

    def stop(self, status: str, problem: Problem) -> None:
        """Ends the node; what it gave so far stays."""
        if self.problem is None:
            self.status, self.problem = status, problem
            self._batch.clear()
            self.inbox.clear()

    @property
    def can_work(self) -> bool:
        """Whether `work` would do something."""
        return self.works and (self.inbox.is_ready or self._can_end)

    @property
    def _can_end(self) -> bool:
        return self.may_end and self.inbox.is_over and not self._is_flushed

    def work(self, is_stopped: Callable[[], bool]) -> list[AnyItem]:
        """Feeds all inputs that are certain to be next and, where the input is over, asks for the rest.

        Args:
            is_stopped: Asked before each input, and between what the node gives at its end, which may take its time.

        Returns:
            What came out, as items for dependants.
        """
        outputs: list[AnyItem] = []
        while self.works and not is_stopped() and (item := self.inbox.pop()) is not None:
            self._batch.append(item)
            self.consumed_s = max(self.consumed_s, item.end_s)
            if len(self._batch) >= self.kind.batch:
                outputs += self._process()
                if self.has_dependants:
                    self.advance()
        if self.works and self._can_end and not is_stopped():
            outputs += self._flush(is_stopped)
        self.advance()
        return outputs

    def advance(self) -> None:
        """Brings the watermark up to date: nothing earlier will come out."""
        if not self.works or self.inbox.is_over:
            return  # nothing comes out any more, or what does is up to `_flush`
        held = min(chain((item.time_s for item in self._batch), (self.inbox.watermark,)))
        held_by_node = math.inf
        with self.guard():
            held_by_node = math.inf if self.node is None else self.node.held_from_s()
        if not self.works:
            return
        lookback_s = self.kind.lookback_s + _ROUNDING_S if self.kind.lookback_s else 0.0
        self.watermark = max(self.watermark, min(held - lookback_s, held_by_node))

    def _flush(self, is_stopped: Callable[[], bool]) -> list[AnyItem]:
        outputs = self._process() if self._batch else []
        if self.works and self.node is not None:
            outputs += self._call(self.node.flush, is_stopped)
        self._is_flushed = True
        self.watermark = math.inf
        return outputs

    def _process(self) -> list[AnyItem]:
        batch, self._batch = self._batch, []
        node = self.node
        if node is None:
            return []
        self.timing.items += len(batch)
        return self._call(lambda: node.process_batch(batch) if self.kind.batch > 1 else node.process(batch[0]))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """The one place where an analyzer's exception becomes its own failed result and not everybody's."""
        try:
            yield
        except ServiceError as error:
            self.stop("failed", error.to_problem())
        except Exception as error:
            log.exception("analyzer_failed", analyzer=self.name)
            reason = f"{self.name} failed with {type(error).__name__}: {error}"
            self.stop("failed", InternalError(reason, code="analyzer_failed").to_problem())

    def build(self, context: NodeContext) -> None:
        """Makes the node for this task."""
        with self.guard():
            self.node = self.kind(context)

    def _call(
        self, function: Callable[[], Iterable[Segment | AnyItem]], is_stopped: Callable[[], bool] = lambda: False
    ) -> list[AnyItem]:
        started = time.perf_counter()
        outputs: list[AnyItem] = []
        with self.guard():
            for output in function():
                outputs.append(self._output(output))
                if is_stopped():
                    break
        self.timing.compute_s += time.perf_counter() - started
        return outputs if self.works else []

    def _output(self, output: Segment | AnyItem) -> AnyItem:
        if isinstance(output, Segment):
            self._check(output)
            self.segments.append(output)
            item = Item(self.name, output.start_s, output.end_s, len(self.segments) - 1, output)
        else:
            item = output if output.source == self.name else replace(output, source=self.name)
        if not math.isfinite(item.time_s):
            raise InternalError(f"{self.name} gave an item at {item.time_s} s")
        if self.has_dependants and item.time_s < self.watermark:
            raise InternalError(
                f"{self.name} gave an item at {item.time_s:.3f} s although it had promised nothing before "
                f"{self.watermark:.3f} s: its lookback_s is too small"
            )
        return item

    def _check(self, segment: Segment) -> None:
        """Holds every segment to the contract: finite, ordered times within the clip, and its own kind of detail."""
        detail = self.kind.detail if issubclass(self.kind, Analyzer) else ""
        if segment.WhichOneof("detail") != detail:
            raise InternalError(f"{self.name} gave a segment with detail {segment.WhichOneof('detail')!r}, not {detail!r}")
        if not (math.isfinite(segment.start_s) and math.isfinite(segment.end_s)):
            raise InternalError(f"{self.name} gave a segment from {segment.start_s} to {segment.end_s}")
        segment.start_s = min(max(segment.start_s, 0.0), self._duration_s)
        segment.end_s = min(max(segment.end_s, segment.start_s), self._duration_s)
        segment.confidence = min(max(segment.confidence, 0.0), 1.0)
