"""What a model pool tells whoever counts."""

from __future__ import annotations

from typing import Protocol


class PoolObserver(Protocol):
    """Told of what happens in a pool, from the thread in which it happens. Must be quick and must not raise."""

    def on_load(self, name: str, seconds: float, memory_bytes: int) -> None:
        """A model was loaded; `memory_bytes` is by how much the process grew (0 or less: it reused free memory)."""

    def on_load_failed(self, name: str, seconds: float) -> None:
        """A model could not be loaded."""

    def on_unload(self, name: str, freed_bytes: int) -> None:
        """A model was unloaded; `freed_bytes` is by how much the process shrank."""

    def on_lease(self, name: str, leases: int) -> None:
        """A lease began; `leases` of the model are out now."""

    def on_release(self, name: str, leases: int) -> None:
        """A lease ended; `leases` of the model are out now."""


class SilentObserver:
    """Counts nothing."""

    def on_load(self, name: str, seconds: float, memory_bytes: int) -> None:
        """Does nothing."""

    def on_load_failed(self, name: str, seconds: float) -> None:
        """Does nothing."""

    def on_unload(self, name: str, freed_bytes: int) -> None:
        """Does nothing."""

    def on_lease(self, name: str, leases: int) -> None:
        """Does nothing."""

    def on_release(self, name: str, leases: int) -> None:
        """Does nothing."""
