from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from reelscope_runtime.errors import (
    InternalError,
    ModelUnavailableError,
    ResourceExhaustedError,
    UnavailableError,
)
from reelscope_runtime.models import LoadRequest, Manifest, ModelPool, ModelStore, unavailable_reason
from reelscope_runtime.settings import ModelSettings

WAIT_S = 30.0


class Clock:
    """A clock that stands still until it is turned."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Model:
    """What the loader of these tests loads."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Loads:
    """A loader that counts, can be held up and can fail."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.requests: list[LoadRequest] = []
        self.started = Event()
        self.go_on = Event()
        self.go_on.set()
        self.failure: Exception | None = None
        self._lock = Lock()

    def __call__(self, request: LoadRequest) -> Model:
        with self._lock:
            self.names.append(request.entry.name)
            self.requests.append(request)
        self.started.set()
        assert self.go_on.wait(WAIT_S)
        if self.failure is not None:
            raise self.failure
        return Model(request.entry.name)


class Counts:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.leases: list[int] = []

    def on_load(self, name: str, seconds: float, memory_bytes: int) -> None:
        assert seconds >= 0
        assert isinstance(memory_bytes, int)
        self.events.append(("load", name))

    def on_load_failed(self, name: str, seconds: float) -> None:
        assert seconds >= 0
        self.events.append(("failed", name))

    def on_unload(self, name: str, freed_bytes: int) -> None:
        assert isinstance(freed_bytes, int)
        self.events.append(("unload", name))

    def on_lease(self, name: str, leases: int) -> None:
        assert name
        self.leases.append(leases)

    def on_release(self, name: str, leases: int) -> None:
        assert name
        self.leases.append(leases)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def pool(entry_text: Callable[..., str], settings: ModelSettings, clock: Clock, loads: Loads, counts: Counts) -> ModelPool:
    """Models a, b and c of 40 MB each and one "huge" of 200 MB, in a budget of 100 MB."""
    files = {name: f'[{{ path = "{name}.onnx", sha256 = "{hashlib.sha256(b"net").hexdigest()}" }}]' for name in "abc"}
    text = "".join(
        entry_text(name=f'"{name}"', task=f'"task_{name}"', memory_mb="40", files=file) for name, file in files.items()
    )
    text += entry_text(name='"huge"', task='"task_huge"', memory_mb="200")
    for name in "abc":
        (settings.folder / name).mkdir(parents=True)
        (settings.folder / name / f"{name}.onnx").write_bytes(b"net")
    tight = settings.model_copy(update={"memory_mb": 100, "idle_ttl_s": 60.0})
    store = ModelStore(Manifest.parse(text), tight)
    return ModelPool(store, tight, {"fake": loads}, clock=clock, observer=counts)


def test_a_lease_gives_the_model_and_what_the_result_says_of_it(pool: ModelPool, loads: Loads) -> None:
    with pool.lease("task_a") as lease:
        assert lease.model.name == "a"
        assert lease.info.name == "a"
        assert lease.info.licence == "MIT"
        assert lease.info.revision == "1"
        assert lease.info.sha256 == hashlib.sha256(b"net").hexdigest()
        assert lease.info.device == "cpu"
    with pytest.raises(InternalError, match="after its lease had ended"):
        _ = lease.model
    assert loads.requests[0].threads == pool.settings.threads
    assert loads.requests[0].path.name == "a.onnx"


def test_a_model_is_loaded_once_however_many_ask_at_once(pool: ModelPool, loads: Loads, counts: Counts) -> None:
    threads = 8
    loads.go_on.clear()
    together = Barrier(threads)

    def use() -> int:
        together.wait(WAIT_S)
        with pool.lease("task_a") as lease:
            together.wait(WAIT_S)
            return id(lease.model)

    with ThreadPoolExecutor(threads) as executor:
        futures = [executor.submit(use) for _ in range(threads)]
        assert loads.started.wait(WAIT_S)
        loads.go_on.set()
        models = {future.result(WAIT_S) for future in futures}

    assert loads.names == ["a"]
    assert len(models) == 1
    assert max(counts.leases) == threads
    assert counts.leases[-1] == 0
    assert pool.loaded() == {"a": 0}


def test_a_failed_load_reaches_all_who_wait_and_the_next_ask_tries_again(pool: ModelPool, loads: Loads, counts: Counts) -> None:
    loads.go_on.clear()
    loads.failure = ModelUnavailableError("broken weights")

    def use() -> str:
        with pytest.raises(ModelUnavailableError, match="broken weights"), pool.lease("task_a"):
            pass
        return "failed"

    with ThreadPoolExecutor(4) as executor:
        first = executor.submit(use)
        assert loads.started.wait(WAIT_S)
        others = [executor.submit(use) for _ in range(3)]
        while pool.loaded().get("a") != 4:  # all of them are waiting
            assert not first.done()
        loads.go_on.set()
        assert [future.result(WAIT_S) for future in (first, *others)] == ["failed"] * 4

    assert loads.names == ["a"]
    assert pool.loaded() == {}
    assert counts.events == [("failed", "a")]
    loads.failure = None
    with pool.lease("task_a") as lease:
        assert lease.model.name == "a"


def test_an_unforeseen_exception_of_a_loader_leaves_no_half_loaded_model(pool: ModelPool, loads: Loads) -> None:
    loads.failure = RuntimeError("a library's own")
    with pytest.raises(RuntimeError), pool.lease("task_a"):
        pass

    assert pool.loaded() == {}


def test_an_idle_model_is_unloaded_after_its_time(pool: ModelPool, clock: Clock, counts: Counts) -> None:
    with pool.lease("task_a") as lease:
        model = lease.model
        clock.now += 1000
        assert pool.sweep() == []
    clock.now += 59
    assert pool.sweep() == []
    clock.now += 1
    assert pool.sweep() == ["a"]

    assert model.is_closed
    assert counts.events == [("load", "a"), ("unload", "a")]
    assert pool.loaded() == {}


def test_room_is_made_by_unloading_what_was_not_used_for_longest(pool: ModelPool, clock: Clock, loads: Loads) -> None:
    pool.preload("task_a")
    clock.now += 1
    pool.preload("task_b")
    clock.now += 1
    pool.preload("task_a")
    pool.preload("task_c")

    assert sorted(pool.loaded()) == ["a", "c"]
    assert loads.names == ["a", "b", "c"]


def test_what_is_leased_is_never_evicted(pool: ModelPool) -> None:
    with pool.lease("task_a") as first, pool.lease("task_b") as second:
        with pytest.raises(ResourceExhaustedError, match=r"needs 40 MB.*budget of 100 MB only 20 MB") as caught:
            pool.preload("task_c")
        assert caught.value.retryable
        assert "a 40 MB, b 40 MB" in caught.value.reason
        assert not first.model.is_closed
        assert not second.model.is_closed
    pool.preload("task_c")
    assert "c" in pool.loaded()


def test_a_refused_model_evicts_nothing(pool: ModelPool) -> None:
    pool.preload("task_b")
    with pytest.raises(ResourceExhaustedError):
        pool.preload("task_huge")
    assert pool.loaded() == {"b": 0}


def test_what_can_never_fit_is_not_worth_another_try(pool: ModelPool) -> None:
    with pytest.raises(ResourceExhaustedError, match="200 MB, more than the whole budget of 100 MB") as caught:
        pool.preload("huge")
    assert not caught.value.retryable


def test_a_closed_pool_unloads_what_is_idle_now_and_what_is_leased_later(pool: ModelPool) -> None:
    pool.preload("task_a")
    with pool.lease("task_b") as lease:
        model = lease.model
        pool.close()
        assert pool.loaded() == {"b": 1}
        assert not model.is_closed
    assert model.is_closed
    assert pool.loaded() == {}
    with pytest.raises(UnavailableError, match="shutting down"), pool.lease("task_a"):
        pass


def test_the_sweeper_sweeps_and_dies_with_the_pool(pool: ModelPool, clock: Clock, counts: Counts) -> None:
    unloaded = Event()
    quick = pool.settings.model_copy(update={"idle_ttl_s": 0.01})
    counts.on_unload = lambda name, freed_bytes: unloaded.set()  # type: ignore[method-assign] # noqa: ARG005
    with ModelPool(pool.store, quick, {"fake": Loads()}, clock=clock, observer=counts) as swept:
        swept.start_sweeper()
        swept.preload("task_a")
        clock.now += 1
        assert unloaded.wait(WAIT_S)
        thread = swept._sweeper
    assert thread is not None
    assert not thread.is_alive()


def test_availability_says_why_and_what_to_do(pool: ModelPool, settings: ModelSettings) -> None:
    assert unavailable_reason(pool, "task_a") == ""
    assert "no model or task" in unavailable_reason(pool, "task_x")
    assert "profile 'full' has no model" in unavailable_reason(pool, "task_a", profile="full")
    assert "more than the budget of 100 MB" in _with_file(pool, settings)
    (settings.folder / "b" / "b.onnx").unlink()
    assert "missing" in unavailable_reason(pool, "task_b")
    strange = ModelPool(pool.store, pool.settings, {})
    assert "needs the loader 'fake'" in unavailable_reason(strange, "task_a")
    with pytest.raises(ModelUnavailableError, match="needs the loader 'fake'"):
        strange.preload("task_a")


def _with_file(pool: ModelPool, settings: ModelSettings) -> str:
    (settings.folder / "huge").mkdir()
    (settings.folder / "huge" / "net.onnx").write_bytes(b"net")
    return unavailable_reason(pool, "task_huge")
