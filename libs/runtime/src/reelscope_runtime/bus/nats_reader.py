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

import nats.errors as nats_errors
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy

from reelscope_runtime.bus.nats_connection import OPERATION_TIMEOUT_S, Connection
from reelscope_runtime.errors import ServiceError, UnavailableError

BATCH = 64
"""Messages of one pull: enough that a replay is not bound by round trips, few enough to hold in memory."""
PULL_EXPIRES_S = 30.0
HEARTBEAT_S = 2.0
SILENCE_S = 2 * HEARTBEAT_S + 0.5
"""No message and no heartbeat for so long: the consumer is gone."""
INACTIVE_S = 60.0
"""The server removes a consumer that nobody pulled from for so long (its reader was killed)."""
PAUSE_S = 0.1
"""Between two consumers, so that a stream in trouble is not asked in a circle."""

_PULL_ENDED = frozenset({"404", "408"})
_STATUS = "Status"

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
    deadline = time.monotonic() + OPERATION_TIMEOUT_S
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
                    deadline = time.monotonic() + OPERATION_TIMEOUT_S
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
    inbox = connection.client.new_inbox()
    try:
        subscription = await connection.client.subscribe(inbox)
        try:
            while True:
                await connection.until_connected(time.monotonic() + OPERATION_TIMEOUT_S)
                await connection.client.publish(
                    f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{info.name}",
                    json.dumps(
                        {
                            "batch": BATCH,
                            "expires": int(PULL_EXPIRES_S * 1e9),
                            "idle_heartbeat": int(HEARTBEAT_S * 1e9),
                        }
                    ).encode(),
                    reply=inbox,
                )
                async with aclosing(_pulled(connection, subscription)) as messages:
                    async for msg in messages:
                        yield msg
        finally:
            with suppress(nats_errors.Error):
                await subscription.unsubscribe()
    except nats_errors.Error as error:
        raise _ConsumerLostError(str(error)) from error
    finally:
        connection.chore(_remove(connection, stream, info.name))


async def _pulled(connection: Connection, subscription: Subscription) -> AsyncGenerator[Msg]:
    """What one pull gives."""
    got = 0
    while got < BATCH:
        msg: Msg = await connection.unless_lost(subscription.next_msg(timeout=SILENCE_S))
        status = (msg.headers or {}).get(_STATUS) if not msg.data and not msg.reply.startswith("$JS.ACK.") else None
        if status is None:
            got += 1
            yield msg
        elif status in _PULL_ENDED:
            return
        elif status != "100":
            raise _ConsumerLostError(f"status {status}")


async def _remove(connection: Connection, stream: str, consumer: str) -> None:
    """Deletes a consumer, if there is a connection; without one the server forgets it by itself."""
    if not connection.connected:
        return
    with suppress(nats_errors.Error):
        await connection.js.delete_consumer(stream, consumer)
