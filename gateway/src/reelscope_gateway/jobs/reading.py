"""Reading an endless async iterator with an eye on the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")


class TimedReader(Generic[T]):
    """Takes items of an iterator one by one, each within a time; the iterator is closed at the end of the `async with` block.

    A time that runs out loses nothing: the item is given by the next call.
    """

    def __init__(self, iterator: AsyncIterator[T]) -> None:
        self._iterator = iterator
        self._next: asyncio.Task[T] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            await close()

    def _task(self) -> asyncio.Task[T]:
        if self._next is None:
            self._next = asyncio.ensure_future(self._advance())
        return self._next

    async def _advance(self) -> T:
        return await anext(self._iterator)

    async def next(self, timeout_s: float | None = None, *, unless: Iterable[asyncio.Future[None]] = ()) -> T | None:
        """The next item.

        Args:
            timeout_s: How long to wait for it; None: for ever.
            unless: What else to wait for; once one of it is done, waiting ends.

        Returns:
            None where the time ran out or `unless` came first.

        Raises:
            StopAsyncIteration: The iterator has ended.
        """
        task = self._task()
        waiting = cast("set[asyncio.Future[object]]", {task, *unless})
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return None
        self._next = None
        return task.result()
