"""Which models a command means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelscope_cli.stack.environment import SERVICES
from reelscope_runtime.errors import InvalidRequestError
from reelscope_runtime.models import Manifest, ModelEntry, ModelStore
from reelscope_runtime.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class Selected:
    """One model of one service.

    Attributes:
        service: E.g. "vision".
        entry: The model.
        store: Where its files are.
    """

    service: str
    entry: ModelEntry
    store: ModelStore


def all_models(settings: ModelSettings) -> list[Selected]:
    """Every model of every service.

    Raises:
        ManifestError: A service is not installed, or its manifest is wrong.
    """
    stores = [(service, ModelStore(Manifest.load(f"reelscope_{service}"), settings)) for service in SERVICES]
    return [Selected(service, entry, store) for service, store in stores for entry in store.manifest.entries]


def select(models: Sequence[Selected], names: Sequence[str], profile: str) -> list[Selected]:
    """Those of these names, and of this profile; empty means any.

    Raises:
        InvalidRequestError: A name that no model has.
    """
    known = {model.entry.name for model in models}
    if unknown := [name for name in names if name not in known]:
        raise InvalidRequestError(f"no model is called {', '.join(map(repr, unknown))}; there are {', '.join(sorted(known))}")
    return [
        model
        for model in models
        if (not names or model.entry.name in names) and (not profile or profile in model.entry.profiles)
    ]
