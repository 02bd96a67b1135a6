"""Tasks from JetStream: durable pull consumers, one a service and priority, asked for one message at a time.

The broker's own delivery limit stays open (`max_deliver` -1). A broker that reaches its limit drops the message without a word,
and it reaches it most likely when a worker died over it and can say nothing. So every delivery arrives with its `attempt`, and
the worker that gets one beyond its limit writes the dead letter and terminates the task.

A broker that was killed may not know any more what it had just delivered: it delivers that again, with the same attempt,
possibly while the first worker is still at it. Nothing that it confirmed is lost, and nothing comes again after its ack.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import nats.errors as nats_errors
import nats.js.errors as js_errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, Header

from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import PRIORITIES, Delivery, Priority, TaskSource
from reelscope_runtime.bus.nats_connection import REQUEST_TIMEOUT_S, Connection, ConnectionLostError
from reelscope_runtime.errors import ServiceError, UnavailableError

POLL_S = 1.0
"""How often idle workers look without having been woken: finds what the broker redelivers after an ack-wait."""
MAX_ACK_PENDING = 1024
"""Tasks of one service and priority that are in hand or wait for their next try; far above the number of workers."""
ACK_ANSWER_S = 0.5
"""How long an ack waits for the consumer's word, on a live connection, before the task is taken from the stream itself."""

_PULL_ONE = b'{"batch":1,"no_wait":true}'
_NONE_THERE = frozenset({"404", "408"})
_ACK, _NAK, _TERM, _PROGRESS = b"+ACK", b"-NAK", b"+TERM", b"+WPI"

_NO_SUCH_MESSAGE = frozenset({10037, 10057})
"""JetStream's error codes for a message that is not there, when it is read and when it is deleted."""

_log = structlog.get_logger(__name__)


def consumer_name(service: str, priority: Priority) -> str:
    """The durable consumer of one service and priority."""
    return f"{service}_{priority}"


def own_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers that the sender gave, without those of NATS."""
    return {name: value for name, value in (headers or {}).items() if not name.startswith("Nats-")}


@dataclass(eq=False, slots=True)
class NatsDelivery(Delivery):
    """A task in hand."""

    connection: Connection
    message: Msg
    priority: Priority
    payload: bytes = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    subject: str = field(init=False)
    message_id: str = field(init=False)
    attempt: int = field(init=False)
    _sequence: int = field(init=False)

    def __post_init__(self) -> None:
        """Reads what the message says about itself."""
        self.payload = self.message.data
        self.headers = own_headers(self.message.headers)
        self.subject = self.message.subject
        self.message_id = (self.message.headers or {}).get(Header.MSG_ID.value, "")
        self.attempt = self.message.metadata.num_delivered
        self._sequence = self.message.metadata.sequence.stream

    async def ack(self) -> None:
        """Confirmed: when it returns, the task is gone, even where it was meanwhile delivered to somebody else as well."""
        await self._end(_ACK)

    async def term(self) -> None:
        """Confirmed, as `ack`."""
        await self._end(_TERM)

    async def nak(self, delay_s: float = 0.0) -> None:
        """Confirmed as well. Workers that wait hear of a task that is to be had at once."""
        answer = _NAK + (b' {"delay":%d}' % int(delay_s * 1e9) if delay_s > 0 else b"")
        await self.connection.attempt("giving a task back", partial(self._give_back, answer))
        if delay_s <= 0:
            await self.connection.tell(names.wake_subject(self.subject.split(".")[2]))

    async def heartbeat(self) -> None:
        """Not confirmed, and nothing during an outage: the next one follows soon."""
        await self.connection.tell(self.message.reply, _PROGRESS)

    async def _end(self, answer: bytes) -> None:
        await self.connection.attempt("acknowledging a task", partial(self._answer, answer))

    async def _answer(self, answer: bytes) -> None:
        try:
            await self.connection.client.request(self.message.reply, answer, timeout=ACK_ANSWER_S)
        except (nats_errors.TimeoutError, nats_errors.NoRespondersError):
            # After a crash the server may not know that it ever delivered the task, and is silent to acks for it. What an ack
            # means for a work queue is that the message leaves it, so it is taken out.
            await self._remove()

    async def _give_back(self, answer: bytes) -> None:
        try:
            await self.connection.client.request(self.message.reply, answer, timeout=ACK_ANSWER_S)
        except (nats_errors.TimeoutError, nats_errors.NoRespondersError):
            # As above: what the server does not know to be delivered, it delivers by itself.
            _log.warning("nak_unanswered", subject=self.subject, message_id=self.message_id)

    async def _remove(self) -> None:
        js = self.connection.js
        try:
            message = await js.get_msg(names.TASKS, self._sequence)
            # A server that lost its store counts from 1 again: this may be another task by now.
            if (message.headers or {}).get(Header.MSG_ID.value) != self.message_id:
                return
            await js.delete_msg(names.TASKS, self._sequence)
        except js_errors.APIError as error:
            if error.err_code not in _NO_SUCH_MESSAGE:
                raise
        _log.warning("ack_by_removal", subject=self.subject, message_id=self.message_id, sequence=self._sequence)


class NatsTaskSource(TaskSource):
    """Asks the consumers one after the other for one message, and sleeps until it is woken or the poll is due.

    A request and its answer can't be cut apart: when the caller is cancelled in between, the answer is kept for the next call,
    or given back by `close`. Otherwise a task would lie in a dead inbox until its ack-wait is over.
    """

    def __init__(self, connection: Connection, service: str, ack_wait_s: float) -> None:
        self._connection = connection
        self._service = service
        self._ack_wait_s = ack_wait_s
        self._inbox = ""
        self._answers: Subscription | None = None
        self._wakes: Subscription | None = None
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._asking: asyncio.Task[Msg | None] | None = None
        self._asked: Priority = "high"
        self._choice = 0
        self._closed = False

    async def open(self) -> None:
        """Creates the durable consumers (or changes their ack-wait) and listens to the wake-ups."""
        for priority in PRIORITIES:
            await self._declare(priority, self._connection.operation_timeout_s)
        self._wakes = await self._connection.client.subscribe(names.wake_subject(self._service), cb=self._woken)

    async def next(self, timeout_s: float) -> Delivery | None:
        """During an outage it waits as if the queue were empty."""
        deadline = time.monotonic() + timeout_s
        while not self._closed:
            wake = self._wake
            try:
                async with self._turn:
                    delivery = await self._choose(deadline)
            except (ConnectionLostError, UnavailableError, nats_errors.Error) as error:
                if self._connection.client.is_closed:
                    raise UnavailableError("the connection to NATS is closed") from error
                _log.info("tasks_unavailable", service=self._service, reason=str(error))
                delivery = None
            if delivery is not None:
                return delivery
            if not await self._rest(wake, deadline):
                return None
        return None

    async def _rest(self, wake: asyncio.Event, deadline: float) -> bool:
        """Sleeps until it is woken, the poll is due, or the deadline is there; says whether to look again before the deadline.
        The next call looks first thing."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, POLL_S)):
                await wake.wait()
        return wake.is_set() or left > POLL_S

    async def close(self) -> None:
        """Gives back what an interrupted request still brought."""
        if self._closed:
            return
        self._closed = True
        self._ring()
        async with self._turn:
            if self._asking is not None:
                with suppress(nats_errors.Error, ServiceError):
                    message = await self._asking
                    if message is not None:
                        await NatsDelivery(self._connection, message, self._asked).nak()
            for subscription in (self._wakes, self._answers):
                if subscription is not None:
                    with suppress(nats_errors.Error):
                        await subscription.unsubscribe()

    async def _choose(self, deadline: float) -> Delivery | None:
        await self._connection.until_connected(deadline)
        if self._asking is not None:
            message = await self._answer()
            if message is not None:
                return self._chosen(message)
        for priority in names.CHOICES[self._choice % len(names.CHOICES)]:
            self._asked = priority
            self._asking = asyncio.ensure_future(self._ask(priority))
            message = await self._answer()
            if message is not None:
                return self._chosen(message)
        return None

    def _chosen(self, message: Msg) -> Delivery:
        self._choice += 1
        return NatsDelivery(self._connection, message, self._asked)

    async def _answer(self) -> Msg | None:
        """Waits for the request that is on its way. It goes on when the waiting is cancelled."""
        if self._asking is None:
            return None
        try:
            message = await asyncio.shield(self._asking)
        except (ServiceError, nats_errors.Error):
            self._asking = None
            raise
        self._asking = None
        return message

    async def _ask(self, priority: Priority) -> Msg | None:
        """One message of one priority, or none."""
        lost = self._connection.lost
        answers = await self._listen()
        request = f"$JS.API.CONSUMER.MSG.NEXT.{names.TASKS}.{consumer_name(self._service, priority)}"
        try:
            await self._connection.client.publish(request, _PULL_ONE, reply=self._inbox)
            message: Msg = await self._connection.unless_lost(answers.next_msg(timeout=REQUEST_TIMEOUT_S), lost)
        except (ConnectionLostError, nats_errors.Error):
            # A late answer must find nobody, so that the server keeps its task.
            await self._forget()
            raise
        if message.reply.startswith("$JS.ACK."):
            return message
        status = (message.headers or {}).get(Header.STATUS.value, "")
        if status not in _NONE_THERE:
            # 503: nobody there, the consumer is gone (or JetStream is not ready yet); 409: it is just being removed.
            _log.warning("consumer_missing", service=self._service, priority=priority, status=status)
            await self._declare(priority, REQUEST_TIMEOUT_S)
        return None

    async def _declare(self, priority: Priority, timeout_s: float) -> None:
        name = consumer_name(self._service, priority)
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subject=names.task_subject(self._service, priority),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait_s,
            max_deliver=-1,
            max_ack_pending=MAX_ACK_PENDING,
        )
        await self._connection.attempt(
            f"opening the tasks of {self._service}",
            lambda: self._connection.js.add_consumer(names.TASKS, config),
            timeout_s,
        )

    async def _listen(self) -> Subscription:
        if self._answers is None:
            self._inbox = self._connection.client.new_inbox()
            self._answers = await self._connection.client.subscribe(self._inbox)
        return self._answers

    async def _forget(self) -> None:
        answers, self._answers = self._answers, None
        if answers is not None:
            with suppress(nats_errors.Error):
                await answers.unsubscribe()

    async def _woken(self, _: Msg) -> None:
        self._ring()

    def _ring(self) -> None:
        rung, self._wake = self._wake, asyncio.Event()
        rung.set()
