"""Ending by signal: the work is cancelled, cleans up after itself, and the exit status says which signal it was."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNAL_EXIT_BASE = 128
"""A shell's exit status for a command that a signal ended: this plus the signal's number."""


def run_interruptible(work: Coroutine[Any, Any, int]) -> int:
    """Runs work to its exit status. A first signal cancels it; a second one also cuts its cleaning up short.

    Returns:
        What the work returned, or 128 plus the signal's number.
    """
    return asyncio.run(_interruptible(work))


async def _interruptible(work: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def interrupt(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        code = await task
    except asyncio.CancelledError:
        if not received:
            raise
        return SIGNAL_EXIT_BASE + received[0]
    return SIGNAL_EXIT_BASE + received[0] if received else code
