"""Installed packages that matter, and what is missing of them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import InvalidRequirement, Requirement

OURS = (
    "reelscope-contracts",
    "reelscope-runtime",
    "reelscope-lite-models",
    "reelscope-vision",
    "reelscope-audio",
    "reelscope-speech",
    "reelscope-temporal",
    "reelscope-gateway",
    "reelscope-cli",
)
OPTIONAL = ("torch", "transformers", "accelerate", "huggingface-hub", "onnxruntime-gpu", "ultralytics", "vllm")
"""Of the larger profiles."""


def installed_version(name: str) -> str:
    """Version of an installed distribution; empty where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def our_packages() -> dict[str, str]:
    """Our packages and everything that they directly need; version by name, empty where missing."""
    names = dict.fromkeys(OURS)
    for package in OURS:
        names |= dict.fromkeys(_needs(package))
    return {name: installed_version(name) for name in names}


def optional_packages() -> dict[str, str]:
    """What the larger profiles use."""
    return {name: installed_version(name) for name in OPTIONAL}


def _needs(package: str) -> list[str]:
    try:
        texts = requires(package) or []
    except PackageNotFoundError:
        return []
    found = []
    for text in texts:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement.name)
    return found
