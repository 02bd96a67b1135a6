"""What can go wrong with a local stack."""

from __future__ import annotations

from pathlib import Path

from reelscope_runtime.errors import UnavailableError

SHOWN_LOG_LINES = 15


class StackError(UnavailableError):
    """The local stack does not run."""

    code = "stack_unavailable"


class ProcessFailedError(StackError):
    """A process of the stack could not be started, or kept ending.

    Args:
        name: The process.
        what: What happened to it, e.g. "ended with status 3 before it was ready".
        log: Its log file.
    """

    def __init__(self, name: str, what: str, log: Path) -> None:
        super().__init__(f"{name} {what}; its log is {log}", retryable=False)
        self.name = name
        self.last_lines = _tail(log)


def _tail(log: Path) -> list[str]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return lines[-SHOWN_LOG_LINES:]
