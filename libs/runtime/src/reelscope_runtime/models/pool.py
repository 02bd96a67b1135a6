"""Loaded models: each once however many ask, kept while somebody uses it, within a memory budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self

import structlog

from reelscope.analysis.v1.analysis_pb2 import ModelInfo
from reelscope_runtime.errors import InternalError, ModelUnavailableError, ResourceExhaustedError, UnavailableError
from reelscope_runtime.models.manifest import ModelEntry
from reelscope_runtime.models.memory import release_unused, resident_bytes
from reelscope_runtime.models.observer import PoolObserver, SilentObserver
from reelscope_runtime.models.store import ModelStore
from reelscope_runtime.settings import ModelSettings, Profile

_log = structlog.get_logger(__name__)

# How often a sweeper looks, at most and at least: a fraction of the idle time, so that a model overstays by little.
_SWEEPS_PER_TTL = 4
_LONGEST_SWEEP_S = 30.0
_SHORTEST_SWEEP_S = 0.05


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a loader is given.

    Attributes:
        entry: The model.
        path: Its verified file, or the folder of its verified files.
        threads: Compute threads of one session.
        device: "auto", "cpu" or "cuda:N".
    """

    entry: ModelEntry
    path: Path
    threads: int
    device: str


Loader = Callable[[LoadRequest], Any]
"""Loads a model. An object with a `device` attribute that is a string reports where it really runs ("cpu", "cuda:0"); one
with a `close()` method has it called when it is unloaded. Raises ModelUnavailableError where the files do not load."""


@dataclass(slots=True)
class Lease:
    """A model in use.

    Attributes:
        entry: What the manifest says of it.
        info: What the result says of it.
    """

    entry: ModelEntry
    info: ModelInfo
    _model: Any

    @property
    def model(self) -> Any:  # noqa: ANN401 - as many types as there are loaders
        """The loaded object. Let go of it with the lease: its memory is free only when nobody holds it.

        Raises:
            InternalError: The lease is over.
        """
        if self._model is None:
            raise InternalError(f"model {self.entry.name!r} was used after its lease had ended")
        return self._model


@dataclass(slots=True)
class _Slot:
    """A model that is loaded or being loaded. Guarded by the pool's lock, but for `ready`."""

    entry: ModelEntry
    ready: Future[None] = field(default_factory=Future)
    model: Any = None
    info: ModelInfo = field(default_factory=ModelInfo)
    leases: int = 0
    last_used: float = 0.0

    @property
    def is_idle(self) -> bool:
        return self.leases == 0 and self.ready.done()


class ModelPool:
    """Loads models when they are asked for and unloads them when they are not.

    Safe to use from any thread. Budget and idle time come from the settings.

    Args:
        store: Where the verified files are.
        settings: Profile, overrides, device, threads, budget, idle time.
        loaders: By the manifest's `loader`.
        clock: Seconds that only grow.
        observer: Told of loads, unloads and leases.
    """

    def __init__(
        self,
        store: ModelStore,
        settings: ModelSettings,
        loaders: Mapping[str, Loader],
        *,
        clock: Callable[[], float] = time.monotonic,
        observer: PoolObserver | None = None,
    ) -> None:
        self.store = store
        self.settings = settings
        self._loaders = dict(loaders)
        self._clock = clock
        self._observer = observer or SilentObserver()
        self._lock = Lock()
        self._slots: dict[str, _Slot] = {}
        self._closing = Event()
        self._sweeper: Thread | None = None

    @property
    def loader_names(self) -> frozenset[str]:
        """The kinds of models that this pool can load."""
        return frozenset(self._loaders)

    def loaded(self) -> dict[str, int]:
        """Names of the models that are loaded or being loaded, with the number of their leases."""
        with self._lock:
            return {name: slot.leases for name, slot in self._slots.items()}

    def resolve(
        self,
        wanted: str,
        *,
        profile: Profile | None = None,
        overrides: Mapping[str, str] | None = None,
        analyzer: str = "",
    ) -> ModelEntry:
        """The model that `lease` would give; see `Manifest.resolve`.

        Args:
            wanted: A task or a model's name.
            profile: Instead of the settings'.
            overrides: On top of the settings': task or analyzer name to model name.
            analyzer: Who asks.
        """
        return self.store.manifest.resolve(
            wanted,
            profile=profile or self.settings.profile,
            overrides={**self.settings.overrides, **(overrides or {})},
            analyzer=analyzer,
        )

    @contextmanager
    def lease(
        self,
        wanted: str,
        *,
        profile: Profile | None = None,
        overrides: Mapping[str, str] | None = None,
        analyzer: str = "",
    ) -> Iterator[Lease]:
        """A loaded model for as long as the context lasts. Blocks while it loads.

        Args:
            wanted: A task or a model's name.
            profile: Instead of the settings'.
            overrides: On top of the settings': task or analyzer name to model name.
            analyzer: Who asks.

        Raises:
            ModelUnavailableError: It is not there, not verified, or does not load.
            InvalidRequestError: An override makes no sense.
            ResourceExhaustedError: It does not fit into the budget beside what is in use.
            UnavailableError: The pool is closed.
        """
        entry = self.resolve(wanted, profile=profile, overrides=overrides, analyzer=analyzer)
        slot = self._acquire(entry)
        lease = Lease(entry, slot.info, slot.model)
        try:
            yield lease
        finally:
            lease._model = None  # noqa: SLF001 - the lease is ours
            self._release(slot)

    def preload(self, wanted: str) -> None:
        """Loads a model that is wanted soon. It stays until its idle time is over or its room is needed."""
        with self.lease(wanted):
            pass

    def sweep(self) -> list[str]:
        """Unloads every model that nobody used for the idle time; returns their names."""
        now = self._clock()
        with self._lock:
            stale = [s for s in self._slots.values() if s.is_idle and now - s.last_used >= self.settings.idle_ttl_s]
            for slot in stale:
                del self._slots[slot.entry.name]
        for slot in stale:
            self._unload(slot, "idle")
        return [slot.entry.name for slot in stale]

    def start_sweeper(self) -> None:
        """Sweeps from a thread of its own until the pool is closed."""
        if self._sweeper is None:
            self._sweeper = Thread(target=self._sweep_until_closed, name="model-sweeper", daemon=True)
            self._sweeper.start()

    def close(self) -> None:
        """Ends the sweeper and unloads what is idle; what is leased is unloaded when its last lease ends."""
        self._closing.set()
        if self._sweeper is not None:
            self._sweeper.join()
            self._sweeper = None
        with self._lock:
            idle = [slot for slot in self._slots.values() if slot.is_idle]
            for slot in idle:
                del self._slots[slot.entry.name]
        for slot in idle:
            self._unload(slot, "closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _sweep_until_closed(self) -> None:
        interval = min(_LONGEST_SWEEP_S, max(_SHORTEST_SWEEP_S, self.settings.idle_ttl_s / _SWEEPS_PER_TTL))
        while not self._closing.wait(interval):
            self.sweep()

    def _acquire(self, entry: ModelEntry) -> _Slot:
        """Takes a lease, which keeps the model from being evicted from now on, and waits until it is loaded."""
        evicted: list[_Slot] = []
        with self._lock:
            if self._closing.is_set():
                raise UnavailableError(f"cannot lease model {entry.name!r}: the service is shutting down")
            slot = self._slots.get(entry.name)
            is_ours_to_load = slot is None
            if slot is None:
                evicted = self._make_room(entry)
                slot = self._slots[entry.name] = _Slot(entry)
            slot.leases += 1
        if is_ours_to_load:
            with _Handover(self, slot):
                for old in evicted:
                    self._unload(old, f"room for {entry.name}")
                self._load(slot)
        else:
            slot.ready.result()
        self._observer.on_lease(entry.name, slot.leases)
        return slot

    def _release(self, slot: _Slot) -> None:
        with self._lock:
            slot.leases -= 1
            slot.last_used = self._clock()
            leases = slot.leases
            is_last = self._closing.is_set() and slot.is_idle and self._slots.pop(slot.entry.name, None) is not None
        self._observer.on_release(slot.entry.name, leases)
        if is_last:
            self._unload(slot, "closed")

    def _make_room(self, entry: ModelEntry) -> list[_Slot]:
        """Takes the least recently used idle models out until the entry fits. Call with the lock held."""
        budget = self.settings.memory_mb
        if entry.memory_mb > budget:
            raise ResourceExhaustedError(
                f"model {entry.name!r} needs {entry.memory_mb} MB, more than the whole budget of {budget} MB; choose a "
                "smaller model or raise REELSCOPE_MODELS__MEMORY_MB",
                retryable=False,
            )
        used = sum(slot.entry.memory_mb for slot in self._slots.values())
        idle = sorted((slot for slot in self._slots.values() if slot.is_idle), key=lambda slot: slot.last_used)
        evicted: list[_Slot] = []
        while used + entry.memory_mb > budget and len(evicted) < len(idle):
            evicted.append(idle[len(evicted)])
            used -= evicted[-1].entry.memory_mb
        if used + entry.memory_mb > budget:
            in_use = {n: s.entry.memory_mb for n, s in self._slots.items() if not s.is_idle}
            raise ResourceExhaustedError(
                f"model {entry.name!r} needs {entry.memory_mb} MB, but of the budget of {budget} MB only {budget - used} MB "
                f"are not in use ({', '.join(f'{name} {size} MB' for name, size in in_use.items())}); try again later or "
                "raise REELSCOPE_MODELS__MEMORY_MB"
            )
        for slot in evicted:
            del self._slots[slot.entry.name]
        return evicted

    def _load(self, slot: _Slot) -> None:
        entry = slot.entry
        loader = self._loaders.get(entry.loader)
        if loader is None:
            raise ModelUnavailableError(
                f"model {entry.name!r} needs the loader {entry.loader!r}, which this service does not have; it has "
                f"{', '.join(sorted(self._loaders))}"
            )
        path = self.store.locate(entry)
        before, started = resident_bytes(), self._clock()
        model = loader(LoadRequest(entry, path, self.settings.threads, self.settings.device))
        seconds, grown = self._clock() - started, resident_bytes() - before
        reported = getattr(model, "device", None)
        requested = "cpu" if self.settings.device == "auto" else self.settings.device
        slot.model = model
        slot.info = ModelInfo(
            name=entry.name,
            revision=self.store.revision(entry),
            sha256=self.store.sha256(entry),
            licence=entry.licence,
            device=reported if isinstance(reported, str) else requested,
        )
        _log.info("model_loaded", model=entry.name, seconds=round(seconds, 3), memory_mb=grown >> 20, device=slot.info.device)
        self._observer.on_load(entry.name, seconds, grown)

    def _unload(self, slot: _Slot, why: str) -> None:
        """Frees a model that is no longer in the table. Call without the lock."""
        before = resident_bytes()
        close = getattr(slot.model, "close", None)
        if callable(close):
            close()
        close = slot.model = None
        release_unused()
        freed = before - resident_bytes()
        _log.info("model_unloaded", model=slot.entry.name, why=why, freed_mb=freed >> 20)
        self._observer.on_unload(slot.entry.name, freed)


class _Handover:
    """Tells those who wait for a slot how its loading ended, whatever ended it."""

    def __init__(self, pool: ModelPool, slot: _Slot) -> None:
        self._pool = pool
        self._slot = slot
        self._started = pool._clock()  # noqa: SLF001 - one class in two halves

    def __enter__(self) -> None:
        """Starts the clock."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pool, slot = self._pool, self._slot
        with pool._lock:  # noqa: SLF001
            slot.last_used = pool._clock()  # noqa: SLF001
            if error is not None:
                pool._slots.pop(slot.entry.name, None)  # noqa: SLF001
        if error is None:
            slot.ready.set_result(None)
            return
        slot.model = None
        slot.ready.set_exception(error)
        pool._observer.on_load_failed(slot.entry.name, pool._clock() - self._started)  # noqa: SLF001
