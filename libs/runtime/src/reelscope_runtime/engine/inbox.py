"""Merges a node's inputs in the order of their times.

Each input has a watermark: no item earlier than it will come. An item is delivered once no input can still bring an
earlier one (the rule of stream processors, e.g. Akidau et al., The Dataflow Model, VLDB 2015), so that a node sees the same
order however fast its inputs are. Inputs that conclude stand outside that order: they hold nothing up, and come when all
others are over.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Sequence

import numpy as np

from reelscope_runtime.media.items import AnyItem


class _Port:
    __slots__ = ("heap", "rank", "watermark")

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.heap: list[tuple[float, int, AnyItem]] = []
        self.watermark = -math.inf

    @property
    def next_s(self) -> float:
        """Nothing earlier than this comes from here."""
        return self.heap[0][0] if self.heap else self.watermark

    @property
    def is_over(self) -> bool:
        """Whether nothing waits here, and nothing will come."""
        return not self.heap and self.watermark == math.inf


class Inbox:
    """The inputs of one node.

    Args:
        sources: Names of the inputs; at equal times an earlier one is delivered first.
        at_end: Those of them that conclude.
    """

    def __init__(self, sources: Sequence[str], at_end: Collection[str] = ()) -> None:
        self._ports = {source: _Port(rank) for rank, source in enumerate(sources)}
        ordered = [port for source, port in self._ports.items() if source not in at_end]
        concluding = [port for source, port in self._ports.items() if source in at_end]
        self._groups = [group for group in (ordered, concluding) if group]
        self._count = 0
        self.media_bytes = 0
        """Size of the pictures and sounds that wait."""

    def push(self, source: str, item: AnyItem) -> None:
        """Takes an item of one input."""
        self._count += 1
        heapq.heappush(self._ports[source].heap, (item.time_s, self._count, item))
        self.media_bytes += media_bytes(item)

    def advance(self, source: str, watermark: float) -> None:
        """The input will bring nothing earlier than `watermark` any more."""
        port = self._ports[source]
        port.watermark = max(port.watermark, watermark)

    @property
    def waiting(self) -> int:
        """Items held back."""
        return sum(len(port.heap) for port in self._ports.values())

    @property
    def watermark(self) -> float:
        """Nothing earlier than this will be delivered any more, of the inputs whose turn it is."""
        return min(port.next_s for port in self._current())

    @property
    def is_ready(self) -> bool:
        """Whether `pop` gives an item."""
        return self._next_port() is not None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left, and nothing will come."""
        return all(port.is_over for port in self._current())

    def pop(self) -> AnyItem | None:
        """The next item, if it is certain to be the next."""
        port = self._next_port()
        if port is None:
            return None
        item = heapq.heappop(port.heap)[2]
        self.media_bytes -= media_bytes(item)
        return item

    def clear(self) -> None:
        """Lets go of all that waits."""
        for port in self._ports.values():
            port.heap.clear()
        self.media_bytes = 0

    # Plain loops: these two are asked several times an item.

    def _next_port(self) -> _Port | None:
        """Whose first item is certain to be the next."""
        ports = self._current()
        first: _Port | None = None
        time_s = math.inf
        for port in ports:  # by rank
            if port.heap and port.heap[0][0] < time_s:
                first, time_s = port, port.heap[0][0]
        if first is None:
            return None
        for port in ports:
            if port.heap:
                continue
            if port.watermark < time_s or (port.watermark == time_s and port.rank < first.rank):
                return None
        return first

    def _current(self) -> list[_Port]:
        """The ordered inputs, or those that conclude once the former are over."""
        for group in self._groups:
            for port in group:
                if not port.is_over:
                    return group
        return self._groups[-1]


def media_bytes(item: AnyItem) -> int:
    """Size of a picture or a sound; 0 for other items, which are small."""
    return item.value.nbytes if isinstance(item.value, np.ndarray) else 0
