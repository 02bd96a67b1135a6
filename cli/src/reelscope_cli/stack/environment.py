"""The settings of a local stack's processes, as environment variables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("vision", "audio", "speech", "temporal")

DRAIN_SHARE = 0.7
"""Part of the grace period that running tasks may take to finish; the rest is for closing down."""

MOST_THREADS = 8
"""Per service: the small models of the lite profile gain nothing from more."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What may be chosen of a local stack.

    Attributes:
        profile: Which models; empty: as REELSCOPE_MODELS__PROFILE says, else lite.
        media_roots: Folders whose files may be analyzed by path.
        http_port: The gateway's; 0: a free one.
        grace_s: How long processes may take to end.
        services: Which services run.
    """

    profile: str = ""
    media_roots: Sequence[Path] = ()
    http_port: int = 0
    grace_s: float = 5.0
    services: Sequence[str] = SERVICES


def service_environment(options: StackOptions, *, folder: Path, nats_url: str) -> dict[str, str]:
    """Settings of a service. What the user set himself (threads, models, logging) stays."""
    threads = str(threads_per_service(_cores()))
    chosen = {name: threads for name in (*_THREAD_VARIABLES, "REELSCOPE_MODELS__THREADS") if name not in os.environ}
    return {
        **chosen,
        **({"REELSCOPE_MODELS__PROFILE": options.profile} if options.profile else {}),
        **({} if "REELSCOPE_LOG__FORMAT" in os.environ else {"REELSCOPE_LOG__FORMAT": "json"}),
        "PYTHONUNBUFFERED": "1",
        "REELSCOPE_NATS__URL": nats_url,
        "REELSCOPE_NATS__REPLICAS": "1",
        "REELSCOPE_GRPC__HOST": "127.0.0.1",
        "REELSCOPE_GRPC__PORT": "0",
        "REELSCOPE_HTTP__HOST": "127.0.0.1",
        "REELSCOPE_HTTP__PORT": "0",
        "REELSCOPE_MEDIA__ROOT": str(folder / "media"),
        "REELSCOPE_MEDIA__CACHE": str(folder / "fetched"),
        "REELSCOPE_WORKER__DRAIN_S": f"{options.grace_s * DRAIN_SHARE:.1f}",
    }


def gateway_environment(options: StackOptions, *, folder: Path, nats_url: str) -> dict[str, str]:
    """Settings of the gateway: those of a service, and that this machine's user may read this machine's files and hosts."""
    return {
        **service_environment(options, folder=folder, nats_url=nats_url),
        "REELSCOPE_HTTP__PORT": str(options.http_port),
        "REELSCOPE_GATEWAY__SERVICES": json.dumps(list(options.services)),
        "REELSCOPE_GATEWAY__MEDIA_ROOTS": json.dumps([str(root) for root in options.media_roots]),
        "REELSCOPE_GATEWAY__STORE": "file",
        **_unless_set("REELSCOPE_GATEWAY__FETCH__ALLOW_PRIVATE_HOSTS", "true", os.environ),
    }


def threads_per_service(cores: int) -> int:
    """Compute threads of one service.

    Half the cores: vision works longest and mostly alone, while at the beginning all four work at once. On two cores both,
    for the operating system shares them out well enough.
    """
    return min(max(2, cores // 2), cores, MOST_THREADS)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _unless_set(name: str, value: str, environment: Mapping[str, str]) -> dict[str, str]:
    return {} if name in environment else {name: value}
