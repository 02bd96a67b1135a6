"""Reads a part of a stream in order, over restarts of the server, without a gap and without a double.

An ephemeral pull consumer, and where it got to: whatever goes wrong with the consumer, the next one starts after the last
message that was handed on. Pulling (not pushing) lets a slow reader be slow without the server dropping it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from enum import Enum, auto

import nats.errors as nats_errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, Header

from reelscope_runtime.bus.nats_connection import Connection
from reelscope_runtime.errors import ServiceError, UnavailableError

BATCH = 64
"""Messages of one pull: enough that a replay is not bound by round trips, few enough to hold in memory."""
PULL_PAYLOADS = 2
"""And no more bytes than so many of the largest messages, so that nats-py's buffer can't overflow and drop some."""
PULL_EXPIRES_S = 30.0
HEARTBEAT_S = 2.0
SILENCE_S = 2 * HEARTBEAT_S + 0.5
"""No message and no heartbeat for so long: the consumer is gone."""
INACTIVE_S = 60.0
"""The server removes a consumer that nobody pulled from for so long (its reader was killed)."""
PAUSE_S = 0.1
"""Between two consumers, so that a stream in trouble is not asked in a circle."""

_log = structlog.get_logger(__name__)


class _ConsumerLostError(Exception):
    """The consumer does not answer any more; a new one takes over."""


async def read(
    connection: Connection,
    stream: str,
    subject: str,
    *,
    after: int = 0,
    latest_only: bool = False,
    headers_only: bool = False,
    until_end: bool = False,
) -> AsyncGenerator[Msg]:
    """The messages of a subject, oldest first, and then live.

    Args:
        connection: Where to read.
        stream: The stream's name.
        subject: Filter; may hold wildcards.
        after: Only what has a larger sequence.
        latest_only: Begin with the last message of each subject rather than with all.
        headers_only: Without payloads.
        until_end: End after what there is now, rather than go on live.

    Raises:
        UnavailableError: With `until_end` only: NATS did not answer for the time of one operation. A live reader waits on.
    """
    last = after
    deadline = time.monotonic() + connection.operation_timeout_s
    while not connection.closing:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.LAST_PER_SUBJECT if latest_only and not last else DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=None if latest_only and not last else last + 1,
            filter_subject=subject,
            ack_policy=AckPolicy.NONE,
            headers_only=headers_only or None,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=INACTIVE_S,
        )
        try:
            async with aclosing(_consume(connection, stream, config, until_end=until_end)) as messages:
                async for msg in messages:
                    sequence = msg.metadata.sequence.stream
                    if sequence > last:
                        last = sequence
                        yield msg
                    deadline = time.monotonic() + connection.operation_timeout_s
                    if until_end and not msg.metadata.num_pending:
                        return
            if until_end:
                return
        except (_ConsumerLostError, ServiceError) as error:
            if connection.closing or connection.client.is_closed:
                break
            if until_end and time.monotonic() > deadline:
                raise UnavailableError(f"reading {subject} did not succeed: {error}") from error
            _log.info("reader_resumes", stream=stream, subject=subject, after=last, reason=str(error))
            await asyncio.sleep(PAUSE_S)
    if connection.client.is_closed and not connection.closing:
        raise UnavailableError("the connection to NATS is closed")


async def _consume(connection: Connection, stream: str, config: ConsumerConfig, *, until_end: bool) -> AsyncGenerator[Msg]:
    """One consumer's messages."""
    info: ConsumerInfo = await connection.attempt(
        f"reading {config.filter_subject}", lambda: connection.js.add_consumer(stream, config)
    )
    if until_end and not info.num_pending:
        connection.chore(_remove(connection, stream, info.name))
        return
    lost = connection.lost
    inbox = connection.client.new_inbox()
    try:
        subscription = await connection.client.subscribe(inbox)
        try:
            expected, got = 1, BATCH
            while True:
                if got == BATCH:
                    got = 0
                    pull = _pull(connection, until_end=until_end)
                    await connection.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{info.name}", pull, reply=inbox)
                msg: Msg = await connection.unless_lost(subscription.next_msg(timeout=SILENCE_S), lost)
                status = _status(msg)
                if status is _Status.MESSAGE:
                    if msg.metadata.sequence.consumer != expected:
                        raise _ConsumerLostError(f"message {msg.metadata.sequence.consumer} came in place of {expected}")
                    expected, got = expected + 1, got + 1
                    yield msg
                elif status is _Status.NOTHING_THERE and until_end:
                    return
                elif status is not _Status.ALIVE:
                    got = BATCH
        finally:
            with suppress(nats_errors.Error):
                await subscription.unsubscribe()
    except nats_errors.Error as error:
        raise _ConsumerLostError(str(error)) from error
    finally:
        connection.chore(_remove(connection, stream, info.name))


def _pull(connection: Connection, *, until_end: bool) -> bytes:
    """The request for some messages: those that are there, or those that come."""
    request: dict[str, object] = {"batch": BATCH, "max_bytes": PULL_PAYLOADS * connection.client.max_payload}
    if until_end:
        request["no_wait"] = True
    else:
        request["expires"] = int(PULL_EXPIRES_S * 1e9)
        request["idle_heartbeat"] = int(HEARTBEAT_S * 1e9)
    return json.dumps(request).encode()


class _Status(Enum):
    MESSAGE = auto()
    ALIVE = auto()
    NOTHING_THERE = auto()
    BYTES_ARE_FULL = auto()


def _status(msg: Msg) -> _Status:
    """What the consumer says by a message.

    Raises:
        _ConsumerLostError: That it is no more.
    """
    if msg.reply.startswith("$JS.ACK."):
        return _Status.MESSAGE
    headers = msg.headers or {}
    code, text = headers.get(Header.STATUS.value, ""), headers.get(Header.DESCRIPTION.value, "")
    if code == "100":
        return _Status.ALIVE
    # 404: nothing there, at once; 408: nothing more there within the pull's time.
    if code in {"404", "408"}:
        return _Status.NOTHING_THERE
    # 409 is for the pull's byte limit, and for other things too.
    if code == "409" and text.startswith(("Message Size Exceeds", "Batch Completed")):
        return _Status.BYTES_ARE_FULL
    raise _ConsumerLostError(f"status {code} {text}")


async def _remove(connection: Connection, stream: str, consumer: str) -> None:
    """Deletes a consumer, if there is a connection; without one the server forgets it by itself."""
    if not connection.connected:
        return
    with suppress(nats_errors.Error):
        await connection.js.delete_consumer(stream, consumer)
