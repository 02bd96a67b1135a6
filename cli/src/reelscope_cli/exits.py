"""What the command's exit status means."""

from __future__ import annotations

from enum import IntEnum

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope_runtime.errors import ServiceError


class Exit(IntEnum):
    """Exit statuses, the worse the greater; of several clips the worst one counts."""

    OK = 0
    SOME_FAILED = 1
    """Documents were written, but an analyzer failed."""
    BAD_INPUT = 2
    """The usage or the input is at fault: a missing file, no media, an unknown analyzer, an address that can't be reached."""
    SYSTEM = 3
    """We are at fault: the stack can't start, the gateway can't be reached."""


_SYSTEM_CODES = frozenset(
    {"internal", "unavailable", "model_unavailable", "resource_exhausted", "deadline_exceeded", "stack_unavailable", "conflict"}
)


def exit_for_error(error: ServiceError) -> Exit:
    """Whose fault an error is."""
    return _exit_for({error.error_code, error.code})


def exit_for_problem(problem: Problem) -> Exit:
    """Whose fault it is that a job failed."""
    return _exit_for({problem.code})


def _exit_for(codes: set[str]) -> Exit:
    return Exit.SYSTEM if codes & _SYSTEM_CODES else Exit.BAD_INPUT
