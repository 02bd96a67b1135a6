from __future__ import annotations

import asyncio
import os
import signal

import pytest

from reelscope_cli.signals import run_interruptible


def test_work_that_ends_by_itself_gives_its_status() -> None:
    async def work() -> int:
        return 1

    assert run_interruptible(work()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_work_clean_up(number: signal.Signals) -> None:
    cleaned = False

    async def work() -> int:
        nonlocal cleaned
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned = True
        return 0

    assert run_interruptible(work()) == 128 + number
    assert cleaned


def test_a_second_signal_cuts_the_cleaning_up_short() -> None:
    async def work() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        return 0

    assert run_interruptible(work()) == 130


def test_a_cancellation_that_nobody_asked_for_is_an_error() -> None:
    async def work() -> int:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run_interruptible(work())
