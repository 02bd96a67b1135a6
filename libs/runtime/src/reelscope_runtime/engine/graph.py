"""The steps of a run, and how they feed one another: each works as soon as it has something to work off."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope_runtime.engine.inbox import media_bytes
from reelscope_runtime.engine.step import Step
from reelscope_runtime.media.items import AnyItem

BACKLOG_S = 2.0
"""So much of a stream may be put while something of before it waits for a step or is worked on: enough for a step that takes
its time now and then to hold nobody up."""

BACKLOG_BYTES = 24 * 2**20
"""So many bytes of pictures and sounds may wait for one step, most of them for several: 0.9 s of what faces are looked for
in."""

Listeners = Collection[tuple[Step, str]]
"""Steps, and the name of the input by which each of them takes something."""

_Since = dict[str, float]
"""How far, in seconds, each of the decoder's streams had been put when the first of what waits came, or of what it was made
of."""


class Graph:
    """Passes items on from step to step.

    All but the steps' own work is done by the one thread that calls. A step is only ever touched by one thread at a time: by
    its own work, or by the caller while it rests (but for a look at how much waits for it); what comes meanwhile waits in its
    mail. What comes out does not depend on which of two independent steps is done first: inboxes merge by time, and where a
    step fails, those that require it still get all that is certain of what came before.

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
        self._put_s: dict[str, float] = {}
        self._problems: dict[str, tuple[str, Problem]] = {}
        self._running: dict[Future[list[AnyItem]], tuple[Step, _Since]] = {}
        self._resting = {step.name for step in self._steps}
        self._done: SimpleQueue[Future[list[AnyItem]]] = SimpleQueue()
        for step in self._steps:
            step.has_dependants = bool(self._dependants[step.name])

    @property
    def position_s(self) -> float:
        """Up to here nothing of what was put waits for a step that rests or works, or is worked on."""
        pending = [time_s for since in self._pending() for time_s in since.values()]
        return min(pending, default=max(self._put_s.values(), default=0.0))

    def put(self, item: AnyItem, listeners: Listeners) -> None:
        """Leaves an item of the decoder for the steps that listen to it; they take it at the next `work` at the latest."""
        for step, source in listeners:
            mail = self._mail[step.name]
            mail.add(source, (item,), {source: self._put_s.get(source, 0.0)})
            mail.watermarks[source] = math.nextafter(item.time_s, math.inf)
        for source in {source for _, source in listeners}:
            self._put_s[source] = max(self._put_s.get(source, 0.0), item.end_s)

    def end(self, source: str) -> None:
        """The decoder brings nothing more by an input of this name."""
        for step in self._steps:
            if source in step.kind.media_inputs():
                self._mail[step.name].watermarks[source] = math.inf

    def work(self) -> None:
        """Lets all steps work that can; returns once none of them is too far behind."""
        self._start(self._steps)
        self.collect()
        while self._running and self._is_behind():
            self._take(self._done.get())

    def collect(self) -> None:
        """Takes what steps have done meanwhile, so that those that take from them go on. They themselves wait for the next
        `work`, with more to do at once."""
        while self._running:
            try:
                self._take(self._done.get_nowait(), again=False)
            except Empty:
                return

    def _is_behind(self) -> bool:
        """Whether too much waits. It may wait for what was not put yet: whoever asks goes on once nothing is worked on."""
        late = any(time_s < self._put_s[source] - BACKLOG_S for since in self._pending() for source, time_s in since.items())
        return late or any(self._mail[step.name].media_bytes + step.inbox.media_bytes > BACKLOG_BYTES for step in self._steps)

    def _pending(self) -> list[_Since]:
        """Of all that waits in the mail or is worked on."""
        waiting = [mail.since for mail in self._mail.values() if mail.since]
        return waiting + [since for _, since in self._running.values() if since]

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
        able: dict[Step, _Since] = {}
        for step in steps:
            if step.name not in self._resting or not self._has_news(step):
                continue
            since = self._deliver(step)
            if step.can_work:
                able[step] = since
                continue
            if step.name in self._problems:
                step.stop(*self._problems.pop(step.name))
            self._pass_on(step, (), since)
        for step in sorted(able, key=lambda one: -one.timing.compute_s):
            self._resting.remove(step.name)
            future = self._workers.submit(contextvars.copy_context().run, step.work, self._is_stopped)
            self._running[future] = (step, able[step])
            future.add_done_callback(self._done.put)

    def _has_news(self, step: Step) -> bool:
        """Whether there is anything to do about a step that rests."""
        must_stop = step.name in self._problems
        must_tell = not step.works and self._told[step.name] < math.inf
        return self._mail[step.name].is_news or step.can_work or must_stop or must_tell

    def _deliver(self, step: Step) -> _Since:
        """Hands its mail to a step that rests; says since when it waited."""
        mail, self._mail[step.name] = self._mail[step.name], _Mail()
        if step.works:
            for source, item in mail.items:
                step.inbox.push(source, item)
        for source, watermark in mail.watermarks.items():
            step.inbox.advance(source, watermark)
        if mail.problem is not None:
            self._problems.setdefault(step.name, mail.problem)
        step.advance()
        return mail.since

    def _take(self, done: Future[list[AnyItem]], *, again: bool = True) -> None:
        """Takes a piece of work that is done.

        Args:
            done: It.
            again: Whether its step goes on with what came meanwhile.
        """
        step, since = self._running.pop(done)
        self._resting.add(step.name)
        self._pass_on(step, done.result(), since)
        self._on_worked(step)
        if again:
            self._start((step,))

    def _pass_on(self, step: Step, items: Collection[AnyItem], since: _Since) -> None:
        """Hands on a step's items, its watermark or its failure; lets those that take from it work."""
        dependants = self._dependants[step.name]
        watermark = step.watermark if step.works else math.inf
        if not items and watermark <= self._told[step.name]:
            return
        self._told[step.name] = watermark
        for dependant in dependants:
            mail = self._mail[dependant.name]
            mail.add(step.name, items, since)
            if step.problem is not None and step.name in dependant.kind.requires:
                mail.watermarks[step.name] = step.watermark  # beyond, it would work without what it requires
                mail.problem = mail.problem or (step.status, inherited(step.name, step.problem))
            else:
                mail.watermarks[step.name] = watermark
        self._start(dependants)


class _Mail:
    """What came for a step and was not delivered yet.

    Attributes:
        items: In the order of their coming, with the inputs that they came by.
        watermarks: The newest, by input.
        media_bytes: Size of the pictures and sounds among the items.
        since: See `_Since`; empty where there is no item.
        problem: Status and reason, where the step shall stop once it has worked off what is certain.
    """

    __slots__ = ("items", "media_bytes", "problem", "since", "watermarks")

    def __init__(self) -> None:
        self.items: list[tuple[str, AnyItem]] = []
        self.watermarks: dict[str, float] = {}
        self.media_bytes = 0
        self.since: _Since = {}
        self.problem: tuple[str, Problem] | None = None

    @property
    def is_news(self) -> bool:
        """Whether anything came."""
        return bool(self.items or self.watermarks or self.problem)

    def add(self, source: str, items: Collection[AnyItem], since: _Since) -> None:
        """Takes items of an input."""
        if not items:
            return
        self.items.extend((source, item) for item in items)
        self.media_bytes += sum(media_bytes(item) for item in items)
        for stream, time_s in since.items():
            self.since[stream] = min(time_s, self.since.get(stream, math.inf))


def inherited(required: str, problem: Problem) -> Problem:
    """What a node says that can't work because one that it requires does not."""
    return Problem(code=problem.code, reason=f"rests on {required}: {problem.reason}", retryable=problem.retryable)
