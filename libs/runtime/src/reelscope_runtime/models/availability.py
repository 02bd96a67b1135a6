"""Whether a task can be served here, without loading anything."""

from __future__ import annotations

from collections.abc import Mapping

from reelscope_runtime.errors import ServiceError
from reelscope_runtime.models.pool import ModelPool
from reelscope_runtime.settings import Profile


def unavailable_reason(
    pool: ModelPool,
    task: str,
    *,
    profile: Profile | None = None,
    overrides: Mapping[str, str] | None = None,
    analyzer: str = "",
) -> str:
    """Why a task cannot be served in this installation and how it can be made to; empty where it can.

    Files are hashed the first time they are seen, later only looked at.

    Args:
        pool: The service's models.
        task: As a node names it in `models`.
        profile: Instead of the settings'.
        overrides: On top of the settings': task or analyzer name to model name.
        analyzer: Who asks.
    """
    try:
        entry = pool.resolve(task, profile=profile, overrides=overrides, analyzer=analyzer)
        status = pool.store.status(entry)
    except ServiceError as error:
        return error.reason
    if entry.loader not in pool.loader_names:
        return f"model {entry.name!r} needs the loader {entry.loader!r}, which this service does not have"
    if status.explanation:
        return status.explanation
    if entry.memory_mb > pool.settings.memory_mb:
        return (
            f"model {entry.name!r} needs {entry.memory_mb} MB, more than the budget of {pool.settings.memory_mb} MB; raise "
            "REELSCOPE_MODELS__MEMORY_MB or choose a smaller model"
        )
    return ""
