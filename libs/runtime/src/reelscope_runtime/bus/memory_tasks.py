"""The in-memory bus's work queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import Delivery, Priority, TaskSource
from reelscope_runtime.bus.memory_clock import Bell, Clock


@dataclass(eq=False, slots=True)
class QueuedTask:
    """One message of the queue."""

    sequence: int
    service: str
    priority: Priority
    payload: bytes
    headers: dict[str, str]
    message_id: str
    attempts: int = 0
    due: float = 0.0
    """It may be delivered from then on: 0 for a new one, the end of the ack-wait for one that is in hand."""


class Queue:
    """All tasks of all services, by their sequence."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bell = Bell()
        self.tasks: dict[int, QueuedTask] = {}
        self._sequence = 0

    def add(self, service: str, priority: Priority, payload: bytes, headers: dict[str, str], message_id: str) -> None:
        """Queues a new task."""
        self._sequence += 1
        self.tasks[self._sequence] = QueuedTask(self._sequence, service, priority, payload, headers, message_id)
        self.bell.ring()

    def take(self, service: str, priority: Priority) -> QueuedTask | None:
        """The next that is due: redeliveries first, as the broker has it, then in the order of arrival."""
        now = self.clock.now()
        due = [
            task for task in self.tasks.values() if task.service == service and task.priority == priority and task.due <= now
        ]
        return min(due, key=lambda task: (not task.attempts, task.sequence), default=None)

    def next_due(self, service: str) -> float | None:
        """When the next task that is in hand, or given back with a delay, can be had."""
        return min((task.due for task in self.tasks.values() if task.service == service), default=None)

    def remove(self, sequence: int) -> None:
        """The task is done, whoever did it."""
        self.tasks.pop(sequence, None)


@dataclass(eq=False, slots=True)
class MemoryDelivery(Delivery):
    """A task in hand."""

    queue: Queue
    task: QueuedTask
    ack_wait_s: float
    payload: bytes = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    subject: str = field(init=False)
    message_id: str = field(init=False)
    attempt: int = field(init=False)
    priority: Priority = field(init=False)

    def __post_init__(self) -> None:
        """Takes it in hand."""
        self.task.attempts += 1
        self.task.due = self.queue.clock.now() + self.ack_wait_s
        self.payload = self.task.payload
        self.headers = dict(self.task.headers)
        self.subject = names.task_subject(self.task.service, self.task.priority)
        self.message_id = self.task.message_id
        self.attempt = self.task.attempts
        self.priority = self.task.priority

    async def ack(self) -> None:
        """See the base."""
        self.queue.remove(self.task.sequence)

    async def term(self) -> None:
        """See the base."""
        self.queue.remove(self.task.sequence)

    async def nak(self, delay_s: float = 0.0) -> None:
        """Means nothing any more once the task was delivered to somebody else."""
        if self.task.attempts == self.attempt:
            self.task.due = self.queue.clock.now() + delay_s
            self.queue.bell.ring()

    async def heartbeat(self) -> None:
        """See the base."""
        if self.task.attempts == self.attempt:
            self.task.due = self.queue.clock.now() + self.ack_wait_s


class MemoryTaskSource(TaskSource):
    """The tasks of one service."""

    def __init__(self, queue: Queue, service: str, ack_wait_s: float) -> None:
        self._queue = queue
        self._service = service
        self._ack_wait_s = ack_wait_s
        self._choice = 0
        self._closed = False

    async def next(self, timeout_s: float) -> Delivery | None:
        """See the base."""
        clock = self._queue.clock
        deadline = clock.now() + timeout_s
        while not self._closed:
            rung = self._queue.bell.next()
            for priority in names.CHOICES[self._choice % len(names.CHOICES)]:
                task = self._queue.take(self._service, priority)
                if task is not None:
                    self._choice += 1
                    return MemoryDelivery(self._queue, task, self._ack_wait_s)
            if clock.now() >= deadline:
                return None
            due = self._queue.next_due(self._service)
            until = deadline if due is None else min(deadline, due)
            await clock.wait(rung, until - clock.now())
        return None

    async def close(self) -> None:
        """See the base."""
        self._closed = True
        self._queue.bell.ring()
