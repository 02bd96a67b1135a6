"""The steps of a run, and how they feed one another: nodes that don't wait for one another work side by side."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope_runtime.engine.step import Step
from reelscope_runtime.media.items import AnyItem


class Graph:
    """Passes items on from step to step.

    A step is only ever touched by one thread at a time: its own work while it works, and the caller of `turn` between its
    inputs' work and its own. What comes out does not depend on which of two independent steps is done first.

    Args:
        steps: By name, each after those that it takes from.
        on_worked: Called after each piece of work of a step, from the thread that called.
    """

    def __init__(self, steps: Mapping[str, Step], on_worked: Callable[[Step], None]) -> None:
        self._steps = tuple(steps.values())
        self._on_worked = on_worked
        self._dependants = {
            step.name: tuple(other for other in self._steps if step.name in other.kind.inputs()) for step in self._steps
        }
        self._input_count = {step.name: sum(name in steps for name in set(step.kind.inputs())) for step in self._steps}
        for step in self._steps:
            step.has_dependants = bool(self._dependants[step.name])

    def turn(self, workers: Executor) -> None:
        """Lets every node work off what is certain, each after what it takes from, on as many threads as the workers have."""
        missing = dict(self._input_count)
        ready = [step for step in self._steps if not missing[step.name]]
        running: dict[Future[list[AnyItem]], Step] = {}
        while ready or running:
            # The costliest first, so that none of them is left to work alone at the end.
            for step in sorted(ready, key=lambda one: -one.timing.compute_s):
                running[workers.submit(contextvars.copy_context().run, _drained, step)] = step
            ready.clear()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                self._pass_on(step, future.result())
                for dependant in self._dependants[step.name]:
                    missing[dependant.name] -= 1
                    if not missing[dependant.name]:
                        ready.append(dependant)

    def finish(self, stop: Callable[[], None]) -> None:
        """The input is over: every node gives what it holds, each after what it takes from.

        Args:
            stop: Called before each node and between what one gives; ends all of them where the run was cancelled.
        """
        for step in self._steps:
            stop()
            for source in step.kind.media_inputs():
                step.inbox.advance(source, math.inf)
            self._pass_on(step, step.drain())
            self._pass_on(step, step.flush(stop))

    def _pass_on(self, step: Step, items: Iterable[AnyItem]) -> None:
        """Hands on a node's items, its watermark or its failure."""
        dependants = self._dependants[step.name]
        for item in items:
            for dependant in dependants:
                if dependant.works:
                    dependant.inbox.push(step.name, item)
        for dependant in dependants:
            if step.problem is not None and step.name in dependant.kind.requires:
                dependant.stop(step.status, inherited(step.name, step.problem))
            dependant.inbox.advance(step.name, step.watermark if step.problem is None else math.inf)
        self._on_worked(step)


def inherited(required: str, problem: Problem) -> Problem:
    """What a node says that can't work because one that it requires does not."""
    return Problem(code=problem.code, reason=f"rests on {required}: {problem.reason}", retryable=problem.retryable)


def _drained(step: Step) -> list[AnyItem]:
    return list(step.drain())
