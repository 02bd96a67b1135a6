"""What the bus keeps in JetStream, and its declaration: any number of processes may declare it at the same time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import nats.js.errors as js_errors
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from reelscope_runtime.bus import names
from reelscope_runtime.bus.nats_connection import Connection
from reelscope_runtime.errors import InvalidRequestError

DEAD_MAX_AGE_S = 30 * 24 * 3600.0
DEAD_MAX_MESSAGES = 10_000
"""Dead letters are read by a person; more than that is a broken system that the count itself shows."""

LEAST_DUPLICATE_WINDOW_S = 120.0
"""For buckets, as NATS's own clients declare them."""

_OTHER_CONFIG = 10058
"""JetStream's error code: the stream exists with another configuration."""

_MANAGED = (
    "subjects",
    "max_msgs",
    "max_age",
    "max_msgs_per_subject",
    "num_replicas",
    "duplicate_window",
    "discard",
    "allow_rollup_hdrs",
    "allow_direct",
    "allow_msg_ttl",
)


def _bucket(name: str, *, ttl_s: float, replicas: int) -> StreamConfig:
    """A key-value bucket as NATS's own clients declare it, so that `nats kv` can look into it."""
    return StreamConfig(
        name=f"KV_{name}",
        subjects=[f"$KV.{name}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        max_age=ttl_s,
        duplicate_window=min(LEAST_DUPLICATE_WINDOW_S, ttl_s),
        allow_rollup_hdrs=True,
        allow_direct=True,
        deny_delete=True,
        num_replicas=replicas,
    )


def _object_store(name: str, *, ttl_s: float, replicas: int) -> StreamConfig:
    """An object store as NATS's own clients declare it. Without an age it would grow for ever."""
    return StreamConfig(
        name=f"OBJ_{name}",
        subjects=[f"$O.{name}.C.>", f"$O.{name}.M.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=ttl_s,
        duplicate_window=min(LEAST_DUPLICATE_WINDOW_S, ttl_s),
        allow_rollup_hdrs=True,
        allow_direct=True,
        num_replicas=replicas,
    )


def configs(
    *, replicas: int, events_max_age_s: float, jobs_ttl_s: float, results_ttl_s: float, announcement_ttl_s: float
) -> list[StreamConfig]:
    """Every stream of the system."""
    return [
        StreamConfig(
            name=names.TASKS,
            subjects=["reelscope.task.>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            duplicate_window=names.DUPLICATE_WINDOW_S,
            allow_direct=True,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=names.EVENTS,
            subjects=["reelscope.event.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=events_max_age_s,
            duplicate_window=min(names.DUPLICATE_WINDOW_S, events_max_age_s),
            allow_direct=True,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=names.DEAD,
            subjects=["reelscope.dead.>"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_msgs=DEAD_MAX_MESSAGES,
            max_age=DEAD_MAX_AGE_S,
            duplicate_window=names.DUPLICATE_WINDOW_S,
            allow_direct=True,
            num_replicas=replicas,
        ),
        _bucket(names.JOBS, ttl_s=jobs_ttl_s, replicas=replicas),
        _bucket(names.RESULTS, ttl_s=results_ttl_s, replicas=replicas),
        _bucket(names.SERVICES, ttl_s=announcement_ttl_s, replicas=replicas),
        _object_store(names.OBJECTS, ttl_s=max(results_ttl_s, jobs_ttl_s), replicas=replicas),
        _object_store(names.MEDIA, ttl_s=jobs_ttl_s, replicas=replicas),
    ]


async def declare(connection: Connection, wanted: list[StreamConfig], timeout_s: float | None) -> None:
    """Makes every stream as wanted: creates what is missing, changes what is otherwise.

    Raises:
        InvalidRequestError: A stream of that name has another retention or storage, which can't be changed, or the server can't
            give what is asked for (replicas without a cluster).
        UnavailableError: The server, or its JetStream, does not answer.
    """
    for config in wanted:
        await connection.attempt(f"declaring stream {config.name}", partial(_declare, connection, config), timeout_s)


async def _declare(connection: Connection, wanted: StreamConfig) -> None:
    try:
        await connection.js.add_stream(wanted)
    except js_errors.BadRequestError as error:
        if error.err_code != _OTHER_CONFIG:
            raise
    else:
        return
    name = str(wanted.name)
    existing = (await connection.js.stream_info(name)).config
    for fixed in ("retention", "storage"):
        if getattr(existing, fixed) != getattr(wanted, fixed):
            raise InvalidRequestError(
                f"NATS stream {name} exists with {fixed} {getattr(existing, fixed)!r} and can't be changed to "
                f"{getattr(wanted, fixed)!r}: delete it, or use another server"
            )
    await connection.js.update_stream(replace(existing, **{field: getattr(wanted, field) for field in _MANAGED}))
