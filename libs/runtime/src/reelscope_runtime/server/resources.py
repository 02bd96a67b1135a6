"""What a service's own calls work with, beside the tasks."""

from __future__ import annotations

from dataclasses import dataclass

from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.models.pool import ModelPool
from reelscope_runtime.settings import RuntimeSettings


@dataclass(frozen=True, slots=True)
class Resources:
    """One process's means.

    Attributes:
        settings: Its settings.
        pool: Its models.
        host: Its decoder processes.
        metrics: What it counts.
    """

    settings: RuntimeSettings
    pool: ModelPool
    host: MediaHost
    metrics: Metrics
