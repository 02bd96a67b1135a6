"""Subjects, streams and keys: how things are called on the bus, whatever carries it."""

from __future__ import annotations

import re

from reelscope_runtime.bus.base import PRIORITIES, Priority
from reelscope_runtime.errors import InvalidRequestError

TASKS = "TASKS"
EVENTS = "EVENTS"
DEAD = "DEAD"
JOBS = "jobs"
RESULTS = "results"
SERVICES = "services"
OBJECTS = "objects"
MEDIA = "media"

CANCEL_SUBJECT = "reelscope.cancel"

DUPLICATE_WINDOW_S = 3600.0
"""How long a message id is remembered: longer than any publisher goes on trying, short enough that the server's index (some
100 bytes an id) stays small."""

ANNOUNCEMENT_TTL_S = 30.0
"""A service that was silent for so long is gone; it announces itself every few seconds."""

CHOICES: tuple[tuple[Priority, ...], ...] = (
    PRIORITIES,
    PRIORITIES,
    PRIORITIES,
    PRIORITIES,
    PRIORITIES,
    ("normal", "high", "low"),
    PRIORITIES,
    ("low", "normal", "high"),
)
"""The order in which one choice after another looks at the queues: high first, but 1 of 8 starts from normal and 1 of 8 from
low, so that a queue of high tasks that never empties delays the others and does not starve them."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_KEY_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-/")
_ESCAPED = re.compile(r"=([0-9A-F]{2})")


def token(kind: str, text: str) -> str:
    """Checks one part of a subject.

    Raises:
        InvalidRequestError: It holds something else than letters, digits, `_` and `-`.
    """
    if not _TOKEN.fullmatch(text):
        raise InvalidRequestError(f"{kind} {text!r} can't stand in a subject: use letters, digits, _ and - only")
    return text


def task_subject(service: str, priority: str) -> str:
    """Where a service's tasks of one priority are queued."""
    if priority not in PRIORITIES:
        raise InvalidRequestError(f"priority {priority!r} is none of {', '.join(PRIORITIES)}")
    return f"reelscope.task.{token('service', service)}.{priority}"


def wake_subject(service: str) -> str:
    """Where waiting workers of a service hear that there is a new task."""
    return f"reelscope.wake.{token('service', service)}"


def event_subject(job_id: str, service: str) -> str:
    """Where a job's events of one service go."""
    return f"reelscope.event.{token('job id', job_id)}.{token('service', service)}"


def job_events_subject(job_id: str) -> str:
    """All of a job's events."""
    return f"reelscope.event.{token('job id', job_id)}.>"


def dead_subject(task: str) -> str:
    """Where the dead letter of a task goes, by the task's own subject.

    Raises:
        InvalidRequestError: That is no task subject.
    """
    match task.split("."):
        case ["reelscope", "task", service, _]:
            return f"reelscope.dead.{token('service', service)}"
    raise InvalidRequestError(f"a dead letter's subject is the task's, reelscope.task.<service>.<priority>, not {task!r}")


def escape_key(key: str) -> str:
    """Any text as a valid key of a bucket: what NATS does not allow (and `=`) becomes `=XX`, the bytes of its UTF-8.

    Raises:
        InvalidRequestError: The key is empty.
    """
    if not key:
        raise InvalidRequestError("a record's key can't be empty")
    out: list[str] = []
    for byte in key.encode():
        inner_dot = byte == ord(".") and out and out[-1] != "."
        out.append(chr(byte) if byte in _PLAIN_KEY_BYTES or inner_dot else f"={byte:02X}")
    if out[-1] == ".":
        out[-1] = "=2E"
    return "".join(out)


def unescape_key(escaped: str) -> str:
    """The text that `escape_key` made the key of."""
    raw = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), escaped)
    return raw.encode("latin-1").decode()
