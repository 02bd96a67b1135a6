"""Runs a set of analyzers over one clip: one decode, every node once per item, segments out as soon as they are final."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult, NodeTiming, Problem
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.graph import Graph, inherited
from reelscope_runtime.engine.node import AnyNode, NodeContext
from reelscope_runtime.engine.protocols import Decoding, LeasedModel, Sink
from reelscope_runtime.engine.results import Outcome, result_of
from reelscope_runtime.engine.step import Step
from reelscope_runtime.errors import CancelledError, DeadlineError, MediaError, ModelUnavailableError, ServiceError
from reelscope_runtime.media.items import Spec

PROGRESS_STEP = 0.02
"""Progress is told at most every 2 % of the clip: enough for a smooth bar, few messages."""

PIECE_S = 0.2
"""Nodes that wait for nothing but media get so much at a time: enough to be worth the start, few pictures held."""


class Cancellation:
    """Stops a run from another thread; `cancel` may come before, during or after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self.error: ServiceError | None = None

    def cancel(self, error: ServiceError | None = None) -> None:
        """Ends the run within the time of one item; the first reason stays."""
        with self._lock:
            self.error = self.error or error or CancelledError("cancelled by its caller")
            stop = self._stop
        if stop is not None:
            stop()

    def bind(self, stop: Callable[[], None] | None) -> None:
        """What to call to interrupt a wait; called at once where it was cancelled already."""
        with self._lock:
            self._stop = stop
            late = self.error is not None
        if late and stop is not None:
            stop()


class Run:
    """One task's work.

    Args:
        catalog: The service's nodes.
        names: The analyzers that are asked for.
        media: The probed media.
        options: What the caller chose.
        lease: Gives a model of a task, loaded; raises ModelUnavailableError.
        sink: Who hears of it.
        threads: Compute threads: so many nodes work at a time.
    """

    def __init__(
        self,
        catalog: Catalog,
        names: Sequence[str],
        *,
        media: MediaInfo,
        options: AnalyzeOptions,
        lease: Callable[[str], AbstractContextManager[LeasedModel]],
        sink: Sink,
        threads: int = 1,
    ) -> None:
        self._catalog = catalog
        self._names = tuple(names)
        self._media = media
        self._options = options
        self._lease = lease
        self._sink = sink
        self._threads = threads
        self._steps: dict[str, Step] = {}
        self._told: dict[str, int] = {}
        self._progress = 0.0
        self._cancellation = Cancellation()

    def execute(
        self, decode: Callable[[Mapping[str, Spec]], Decoding], cancellation: Cancellation, deadline_s: float
    ) -> list[AnalyzerResult]:
        """Does the work and returns one result per analyzer, in the order asked for. Never raises for what goes wrong with the
        media or with an analyzer: the results say it.

        Args:
            decode: Opens the decoder for the specs, by key.
            cancellation: Stops the run from outside; all unfinished results are then "cancelled".
            deadline_s: Seconds from now after which the unfinished results are "failed".
        """
        outcome = Outcome(self._media)
        started = time.perf_counter()
        self._cancellation = cancellation
        timer = threading.Timer(deadline_s, cancellation.cancel, [DeadlineError(f"not done after {deadline_s:g} s")])
        timer.daemon = True
        timer.start()
        try:
            with ExitStack() as leases:
                try:
                    self._work(decode, outcome, leases)
                except ServiceError as error:
                    self._stop_all(error)
                outcome.nodes = [step.timing for step in self._steps.values() if step.timing.items]
                return [self._result(name, outcome, time.perf_counter() - started) for name in self._names]
        finally:
            timer.cancel()
            cancellation.bind(None)

    def _work(self, decode: Callable[[Mapping[str, Spec]], Decoding], outcome: Outcome, leases: ExitStack) -> None:
        for kind in self._catalog.closure(self._names):
            if self._is_stopped():
                self._steps[kind.name] = self._step(kind)
                continue
            self._steps[kind.name] = self._prepare(kind, leases)
        self._raise_if_stopped()
        specs, listeners = self._inputs()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="node") as workers:
            try:
                graph = Graph(self._steps, workers, on_worked=self._tell, is_stopped=self._is_stopped)
                if specs:
                    self._decode(decode, specs, listeners, outcome, graph)
                graph.finish()
                self._raise_if_stopped()
            except BaseException:
                workers.shutdown(cancel_futures=True)
                raise

    def _is_stopped(self) -> bool:
        return self._cancellation.error is not None

    def _raise_if_stopped(self) -> None:
        if self._cancellation.error is not None:
            raise self._cancellation.error

    def _step(self, kind: type[AnyNode]) -> Step:
        return Step(kind, max(self._media.duration_s, self._media.video.duration_s, self._media.audio.duration_s))

    def _prepare(self, kind: type[AnyNode], leases: ExitStack) -> Step:
        """The node with its models, or the reason why it will not run."""
        step = self._step(kind)
        for stream in sorted(self._catalog.streams(kind.name)):
            if not self._media.HasField("video" if stream == "video" else "audio"):
                step.stop("not_applicable", Problem(code=f"no_{stream}", reason=f"the clip has no {stream}"))
                return step
        if reason := kind.unavailable_reason():
            step.stop("unavailable", ModelUnavailableError(reason).to_problem())
            return step
        for required in kind.requires:
            if (problem := self._steps[required].problem) is not None:
                step.stop(self._steps[required].status, inherited(required, problem))
                return step
        try:
            models = self._models(kind, step, leases)
        except ModelUnavailableError as error:
            step.stop("unavailable", error.to_problem())
        except ServiceError as error:
            step.stop("failed", error.to_problem())
        else:
            step.build(NodeContext(self._media, self._options, models.__getitem__, self._threads, self._is_stopped))
        return step

    def _models(self, kind: type[AnyNode], step: Step, leases: ExitStack) -> dict[str, Any]:
        """The node's models by task; None for an optional one that can't be had."""
        models: dict[str, Any] = {}
        for task in kind.model_tasks():
            try:
                leased = leases.enter_context(self._lease(task))
            except ModelUnavailableError:
                if task in kind.models:
                    raise
                models[task] = None
                continue
            models[task] = leased.model
            step.models.append(leased.info)
        return models

    def _inputs(self) -> tuple[dict[str, Spec], dict[str, list[tuple[Step, str]]]]:
        """Every distinct spec once, by key, and which inputs of which steps it feeds."""
        keys: dict[Spec, str] = {}
        listeners: dict[str, list[tuple[Step, str]]] = {}
        for step in self._steps.values():
            if not step.works:
                continue
            for source, spec in step.kind.media_inputs().items():
                key = keys.setdefault(spec, f"{source}{len(keys)}")
                listeners.setdefault(key, []).append((step, source))
        return {key: spec for spec, key in keys.items()}, listeners

    def _decode(
        self,
        decode: Callable[[Mapping[str, Spec]], Decoding],
        specs: Mapping[str, Spec],
        listeners: Mapping[str, list[tuple[Step, str]]],
        outcome: Outcome,
        graph: Graph,
    ) -> None:
        cancellation = self._cancellation
        waiting_since = time.perf_counter()
        ended: set[str] = set()
        put_until_s = -math.inf
        with decode(specs) as decoding:
            cancellation.bind(decoding.cancel)
            try:
                for key, item in decoding:
                    outcome.wait_s += time.perf_counter() - waiting_since
                    if cancellation.error is not None or not any(step.works for step in self._steps.values()):
                        break
                    graph.put(item, listeners[key])
                    if len(decoding.ended_streams) > len(ended):
                        ended = set(decoding.ended_streams)
                        _end_inputs(graph, ended)
                    if abs(item.end_s - put_until_s) >= PIECE_S:
                        put_until_s = item.end_s
                        graph.work()
                        self._tell_progress(graph.position_s)
                    else:
                        graph.collect()
                    waiting_since = time.perf_counter()
            except CancelledError:
                if cancellation.error is None:
                    raise
            except ServiceError:
                graph.settle()  # what came before it broke off counts
                self._raise_if_stopped()
                raise
            finally:
                outcome.take(decoding)
        graph.settle()
        self._raise_if_stopped()
        self._tell_progress(graph.position_s)
        self._stop_undecodable(outcome)

    def _stop_undecodable(self, outcome: Outcome) -> None:
        for stream, end_s in (("video", outcome.video_end_s), ("audio", outcome.audio_end_s)):
            if end_s <= 0:
                reason = f"nothing of the {stream} could be decoded" + "".join(f"; {text}" for text in outcome.warnings)
                for step in self._steps.values():
                    if stream in self._catalog.streams(step.name):
                        step.stop("failed", MediaError(reason).to_problem())

    def _tell(self, step: Step) -> None:
        """Tells of an analyzer's new segments."""
        told = self._told.get(step.name, 0)
        if step.name in self._names and len(step.segments) > told:
            self._told[step.name] = len(step.segments)
            self._sink.segments(step.name, told, step.segments[told:])

    def _stop_all(self, error: ServiceError) -> None:
        status = "cancelled" if isinstance(error, CancelledError) else "failed"
        for step in self._steps.values():
            step.stop(status, error.to_problem())

    def _tell_progress(self, time_s: float) -> None:
        duration_s = self._media.duration_s
        fraction = min(1.0, time_s / duration_s) if duration_s > 0 else 0.0
        if fraction >= self._progress + PROGRESS_STEP:
            self._progress = fraction
            self._sink.progress(fraction, time_s)

    def _result(self, name: str, outcome: Outcome, elapsed_s: float) -> AnalyzerResult:
        step = self._steps[name]
        rests_on = {kind.name for kind in self._catalog.closure([name])}
        nodes: list[NodeTiming] = [outcome.decoder, *(node for node in outcome.nodes if node.node in rests_on - {name})]
        kind = self._catalog.analyzers[name]
        result = result_of(step, kind, streams=self._catalog.streams(name), outcome=outcome, nodes=nodes, elapsed_s=elapsed_s)
        used = [self._steps[kind.name] for kind in self._catalog.closure([name])]
        result.model.extend({model.name: model for one in used for model in one.models}.values())
        self._sink.result(result)
        return result


def _end_inputs(graph: Graph, streams: set[str]) -> None:
    """A stream that is over holds nobody up any more: sound that ends before the picture, say."""
    for source, stream in (("frames", "video"), ("audio", "audio")):
        if stream in streams:
            graph.end(source)
