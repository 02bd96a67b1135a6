"""One connection to NATS that outlives its server: operations wait for it, are tried again over an outage, and fail within the
error tree.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import nats.errors as nats_errors
import nats.js.errors as js_errors
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import PubAck

from reelscope_runtime.errors import (
    InternalError,
    InvalidRequestError,
    NotFoundError,
    ResourceExhaustedError,
    ServiceError,
    UnavailableError,
)
from reelscope_runtime.settings import NatsSettings

T = TypeVar("T")

OPERATION_TIMEOUT_S = 30.0
"""How long an operation is tried over an outage: as long as a server needs to restart and recover its store, and no longer than
a task's ack-wait, so that a worker that can't speak gives up when its task goes to another one anyway."""

REQUEST_TIMEOUT_S = 5.0
"""One try. On a live connection answers take milliseconds; a lost connection ends the try at once."""

RECONNECT_WAIT_S = 0.25
PING_INTERVAL_S = 10
"""A connection that is silently dead (no FIN, no RST) is noticed after two of these without an answer."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.05, 1.0
CLOSE_TIMEOUT_S = 2
HEADER_FRAME_BYTES = len(b"NATS/1.0\r\n\r\n")
HEADER_LINE_BYTES = len(b": \r\n")

_STORAGE_FULL = frozenset({10023, 10047, 10077, 10167})
"""Error codes of JetStream: insufficient resources, store failed, maximum bytes exceeded, storage exceeded."""

_REFUSED = frozenset({10052, 10069, 10074})
"""Error codes of JetStream that it sends as errors of its own, and that no new try changes: an invalid configuration, a change
that can't be made, replicas without a cluster."""

_PASSING = (
    nats_errors.TimeoutError,
    nats_errors.NoRespondersError,
    nats_errors.OutboundBufferLimitError,
    nats_errors.ConnectionReconnectingError,
    nats_errors.StaleConnectionError,
    js_errors.NoStreamResponseError,
    js_errors.ServiceUnavailableError,
    js_errors.ServerError,
    ConnectionError,
)

_log = structlog.get_logger(__name__)


class ConnectionLostError(UnavailableError):
    """The connection broke while an answer was awaited."""


def mapped(what: str, error: Exception) -> ServiceError:
    """The error of the tree that stands for one of nats-py's."""
    reason = f"{what} failed: {error}"
    if isinstance(error, js_errors.APIError) and error.err_code in _STORAGE_FULL:
        return ResourceExhaustedError(f"{reason}; NATS has no room left: raise its limits or wait")
    if isinstance(error, js_errors.NotFoundError):
        return NotFoundError(reason)
    if isinstance(error, js_errors.APIError | nats_errors.BadHeaderError | nats_errors.BadSubjectError):
        return InvalidRequestError(reason)
    if isinstance(error, nats_errors.MaxPayloadError):
        return InvalidRequestError(f"{reason}; put large values into the object store")
    if isinstance(error, (*_PASSING, nats_errors.ConnectionClosedError, nats_errors.ConnectionDrainingError)):
        return UnavailableError(reason)
    return InternalError(reason)


def passes(error: Exception) -> bool:
    """Whether the trouble is one that the next try may not have."""
    if isinstance(error, js_errors.APIError) and error.err_code in _STORAGE_FULL | _REFUSED:
        return False
    return isinstance(error, (ConnectionLostError, *_PASSING))


class Connection:
    """The client, whether it is connected just now, and operations that last over an outage."""

    def __init__(self, settings: NatsSettings, operation_timeout_s: float = OPERATION_TIMEOUT_S) -> None:
        self.settings = settings
        self.operation_timeout_s = operation_timeout_s
        self.client = Client()
        self.js: JetStreamContext = self.client.jetstream(timeout=REQUEST_TIMEOUT_S)
        self.closing = False
        self.on_reconnect: Callable[[], Coroutine[Any, Any, None]] | None = None
        """Runs after each reconnect, as a task: declares again what a server that lost its store has forgotten."""
        self._up = asyncio.Event()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reported_down = False
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the server answers now."""
        return self._up.is_set() and self.client.is_connected

    async def open(self) -> None:
        """Connects, trying until the settings' time is over.

        Raises:
            UnavailableError: No server answered in that time.
        """
        try:
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await self.client.connect(
                    servers=[url.strip() for url in self.settings.url.split(",")],
                    error_cb=self._error,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    closed_cb=self._closed,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # nats-py says int and sleeps any number
                    ping_interval=PING_INTERVAL_S,
                )
        except TimeoutError as error:
            cause = self.client.last_error or "it is not reachable"
            await self.close()
            raise UnavailableError(
                f"no NATS server at {self.settings.url} within {self.settings.connect_timeout_s:g} s ({cause}); "
                "start one with JetStream, or set REELSCOPE_NATS__URL"
            ) from error
        except nats_errors.Error as error:
            # Trouble with a server is tried again until the time is over; what ends it at once is the URL.
            raise InvalidRequestError(f"{self.settings.url!r} is no NATS URL: {error}") from error
        self._up.set()

    async def close(self) -> None:
        """Sends what is still unsent and disconnects. Everything that waits for the connection ends."""
        if self.closing:
            return
        self.closing = True
        for chore in tuple(self._chores):
            chore.cancel()
        if self.connected:
            with suppress(nats_errors.Error):
                await self.client.flush(timeout=CLOSE_TIMEOUT_S)
        await self.client.close()
        self._lose()

    async def until_connected(self, deadline: float) -> None:
        """Waits for the connection.

        Args:
            deadline: In `time.monotonic` seconds.

        Raises:
            UnavailableError: It isn't there by then, or it was closed for good.
        """
        if self.client.is_closed:
            raise UnavailableError("the connection to NATS is closed")
        if self.connected:
            return
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._up.wait()
        except TimeoutError as error:
            raise UnavailableError(f"no connection to NATS at {self.settings.url}") from error
        if self.client.is_closed:
            raise UnavailableError("the connection to NATS is closed")

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the connection of this moment is lost; the next one has another."""
        return self._lost

    async def unless_lost(self, operation: Awaitable[T], lost: asyncio.Future[None] | None = None) -> T:
        """Awaits an operation, and gives it up as soon as the connection is lost.

        Args:
            operation: What to await.
            lost: Of the connection over which it was prepared; None takes the present one.

        Raises:
            ConnectionLostError: It was. Whether the server got the request is not known.
        """
        task = asyncio.ensure_future(operation)
        either: list[asyncio.Future[Any]] = [task, lost or self._lost]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        await asyncio.wait((task,))
        if task.cancelled():
            raise ConnectionLostError("the connection to NATS was lost while it was asked")
        return task.result()

    async def attempt(self, what: str, operation: Callable[[], Awaitable[T]], timeout_s: float | None = None) -> T:
        """Runs an operation that may be repeated, again and again while the trouble is one that passes.

        Args:
            what: The operation, for the error's text: "publishing a task".
            operation: Starts one try.
            timeout_s: For all tries together; None takes the connection's own.

        Raises:
            UnavailableError: It did not succeed in that time.
            ServiceError: NATS refused it.
        """
        timeout_s = self.operation_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self.until_connected(deadline)
                return await self.unless_lost(operation())
            except (ConnectionLostError, ConnectionError, nats_errors.Error) as error:
                if not passes(error):
                    raise mapped(what, error) from error
                if time.monotonic() + wait_s >= deadline or self.client.is_closed:
                    raise UnavailableError(f"{what} did not succeed within {timeout_s:g} s: {error}") from error
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    async def publish(self, what: str, subject: str, payload: bytes, headers: Mapping[str, str]) -> PubAck:
        """Stores a message in the stream of its subject. Repeatable: give it a message id, or what makes it idempotent.

        Raises:
            InvalidRequestError: It is larger than the server takes.
        """
        self.check_size(what, payload, headers)
        return await self.attempt(
            what, lambda: self.js.publish(subject, payload, timeout=REQUEST_TIMEOUT_S, headers=dict(headers))
        )

    def new_id(self) -> str:
        """An id that no other message has."""
        return uuid.uuid4().hex

    def check_size(self, what: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Refuses what NATS would: the server closes the connection over one message that is too large, headers counted.

        Raises:
            InvalidRequestError: It is.
        """
        size = len(payload) + HEADER_FRAME_BYTES
        size += sum(len(name.encode()) + len(value.encode()) + HEADER_LINE_BYTES for name, value in headers.items())
        if size > self.client.max_payload:
            raise InvalidRequestError(
                f"{what}: {size} bytes are more than the {self.client.max_payload} that NATS takes in one message; "
                "put large values into the object store"
            )

    async def tell(self, subject: str, payload: bytes = b"") -> None:
        """Says something once, if there is a connection; nobody may hear it."""
        if self.connected:
            with suppress(nats_errors.Error):
                await self.client.publish(subject, payload)

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something beside, to be cancelled when the connection closes."""
        task = asyncio.ensure_future(work)
        self._chores.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, chore: asyncio.Task[None]) -> None:
        self._chores.discard(chore)
        if not chore.cancelled() and (error := chore.exception()) is not None:
            _log.warning("bus_chore_failed", error=str(error) or type(error).__name__)

    def _lose(self) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
        # Who waits for the connection must learn that there will be none.
        if self.client.is_closed:
            self._up.set()

    async def _disconnected(self) -> None:
        if self.closing or self.client.is_closed:
            return
        self._up.clear()
        self._lose()
        _log.warning("nats_disconnected", url=self.settings.url)

    async def _reconnected(self) -> None:
        self._reported_down = False
        self._lost = asyncio.get_running_loop().create_future()
        self._up.set()
        url = self.client.connected_url
        _log.warning("nats_reconnected", url=url.netloc.rpartition("@")[2] if url else "")
        if self.on_reconnect is not None:
            self.chore(self.on_reconnect())

    async def _closed(self) -> None:
        self._lose()
        if not self.closing:
            _log.error("nats_closed", url=self.settings.url, error=str(self.client.last_error))

    async def _error(self, error: Exception) -> None:
        if self.closing:
            return
        if isinstance(error, OSError | nats_errors.StaleConnectionError | TimeoutError):
            # One line an outage; nats-py reports every try.
            if not self._reported_down:
                self._reported_down = True
                _log.warning("nats_unreachable", url=self.settings.url, error=str(error) or type(error).__name__)
            return
        _log.error("nats_error", error=str(error) or type(error).__name__, exc_info=error)
