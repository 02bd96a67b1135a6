"""The steps of a run, and how they feed one another: each works as soon as it has something to work off."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope_runtime.engine.step import Step
from reelscope_runtime.media.items import AnyItem

BACKLOG_S, BACKLOG_BYTES = 2.0, 8 * 2**20
"""While a step works, so much media may be put before it takes what waits for it, and so much of that may wait: enough for one
that takes its time now and then to hold nobody up, while few pictures are held."""

Listeners = Iterable[tuple[Step, str]]
"""Steps, and the name of the input by which each of them takes something."""


class Graph:
    """Passes items on from step to step.

    All but the steps' own work is done by the one thread that calls. A step is only ever touched by one thread at a time: by
    its own work, or by the caller while it rests; what comes for it meanwhile waits in its mail. What comes out does not
    depend on which of two independent steps is done first, since inboxes merge by time.

    Args:
        steps: By name, each after those that it takes from.
        workers: Threads for the steps' work.
        on_worked: Called after each piece of work of a step, from the thread that calls.
        is_stopped: Whether the run was cancelled: steps then end their work after the item that they are at.
    """

    def __init__(
        self,
        steps: Mapping[str, Step],
        workers: Executor,
        *,
        on_worked: Callable[[Step], None],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._steps = tuple(steps.values())
        self._workers = workers
        self._on_worked = on_worked
        self._is_stopped = is_stopped
        self._dependants = {
            step.name: tuple(other for other in self._steps if step.name in other.kind.inputs()) for step in self._steps
        }
        self._mail = {step.name: _Mail() for step in self._steps}
        self._told = {step.name: -math.inf for step in self._steps}
        self._put_s = 0.0
        self._running: dict[Future[list[AnyItem]], tuple[Step, float]] = {}
        self._resting = {step.name for step in self._steps}
        self._done: SimpleQueue[Future[list[AnyItem]]] = SimpleQueue()
        for step in self._steps:
            step.has_dependants = bool(self._dependants[step.name])

    @property
    def position_s(self) -> float:
        """Up to here, of what was put, nothing waits for a step or is worked on."""
        waiting = (mail.since_s for mail in self._mail.values())
        return min(self._put_s, *waiting, *(since_s for _, since_s in self._running.values()))

    def put(self, item: AnyItem, listeners: Listeners) -> None:
        """Leaves an item of the decoder for the steps that listen to it; the next `work` begins with it."""
        for step, source in listeners:
            mail = self._mail[step.name]
            mail.add(source, (item,), self._put_s)
            mail.watermarks[source] = math.nextafter(item.time_s, math.inf)
            mail.media_bytes += _size(item)
        self._put_s = max(self._put_s, item.end_s)

    def end(self, source: str) -> None:
        """The decoder brings nothing more by an input of this name."""
        for step in self._steps:
            if source in step.kind.media_inputs():
                self._mail[step.name].watermarks[source] = math.inf

    def work(self) -> None:
        """Lets all steps work that can; returns once none of them is too far behind."""
        self._start(self._steps)
        self.collect()
        while self._running and any(self._is_behind(mail) for mail in self._mail.values()):
            self._take(self._done.get())

    def _is_behind(self, mail: _Mail) -> bool:
        return mail.media_bytes > BACKLOG_BYTES or mail.since_s < self._put_s - BACKLOG_S

    def collect(self) -> None:
        """Takes what steps have done meanwhile, so that those that wait for it go on."""
        while self._running:
            try:
                self._take(self._done.get_nowait())
            except Empty:
                return

    def settle(self) -> None:
        """Lets all steps work until none of them can."""
        self._start(self._steps)
        while self._running:
            self._take(self._done.get())

    def finish(self) -> None:
        """The input is over: every step gives what it holds, each after those that it takes from."""
        self.settle()
        for step in self._steps:
            step.may_end = True
            for source in step.kind.media_inputs():
                self._mail[step.name].watermarks[source] = math.inf
        self.settle()

    def _start(self, steps: Iterable[Step]) -> None:
        """Lets those of the steps work that can. The costliest first, so that none of them is left to work alone at the end."""
        if self._is_stopped():
            return
        able: dict[Step, float] = {}
        for step in steps:
            if step.name in self._resting:
                since_s = self._deliver(step)
                if step.can_work:
                    able[step] = since_s
                else:
                    self._pass_on(step, ())
        for step in sorted(able, key=lambda one: -one.timing.compute_s):
            if step.name not in self._resting:
                continue  # started meanwhile, by what one before it passed on
            self._resting.remove(step.name)
            future = self._workers.submit(contextvars.copy_context().run, step.work, self._is_stopped)
            self._running[future] = (step, able[step])
            future.add_done_callback(self._done.put)

    def _deliver(self, step: Step) -> float:
        """Hands its mail to a step that rests; says since when it waited."""
        mail, self._mail[step.name] = self._mail[step.name], _Mail()
        if mail.problem is not None:
            step.stop(*mail.problem)
        if step.works:
            for source, item in mail.items:
                step.inbox.push(source, item)
        for source, watermark in mail.watermarks.items():
            step.inbox.advance(source, watermark)
        step.advance()
        return mail.since_s

    def _take(self, done: Future[list[AnyItem]]) -> None:
        step, _ = self._running.pop(done)
        self._resting.add(step.name)
        self._pass_on(step, done.result())
        self._on_worked(step)
        self._start((step,))

    def _pass_on(self, step: Step, items: Collection[AnyItem]) -> None:
        """Hands on a step's items, its watermark or its failure; lets those that take from it work."""
        dependants = self._dependants[step.name]
        watermark = step.watermark if step.problem is None else math.inf
        if not items and watermark <= self._told[step.name]:
            return
        self._told[step.name] = watermark
        for dependant in dependants:
            mail = self._mail[dependant.name]
            mail.add(step.name, items, self._put_s)
            mail.watermarks[step.name] = watermark
            if step.problem is not None and step.name in dependant.kind.requires:
                mail.problem = mail.problem or (step.status, inherited(step.name, step.problem))
        self._start(dependants)


class _Mail:
    """What came for a step and was not delivered yet.

    Attributes:
        items: In the order of their coming, with the inputs that they came by.
        watermarks: The newest, by input.
        media_bytes: Size of the pictures and sounds among the items.
        since_s: How far the decoder's output reached when the first item came.
        problem: Status and reason, where the step shall stop.
    """

    __slots__ = ("items", "media_bytes", "problem", "since_s", "watermarks")

    def __init__(self) -> None:
        self.items: list[tuple[str, AnyItem]] = []
        self.watermarks: dict[str, float] = {}
        self.media_bytes = 0
        self.since_s = math.inf
        self.problem: tuple[str, Problem] | None = None

    def add(self, source: str, items: Collection[AnyItem], now_s: float) -> None:
        """Takes items of an input."""
        if items:
            self.items.extend((source, item) for item in items)
            self.since_s = min(self.since_s, now_s)


def inherited(required: str, problem: Problem) -> Problem:
    """What a node says that can't work because one that it requires does not."""
    return Problem(code=problem.code, reason=f"rests on {required}: {problem.reason}", retryable=problem.retryable)


def _size(item: AnyItem) -> int:
    return item.value.nbytes if isinstance(item.value, np.ndarray) else 0
