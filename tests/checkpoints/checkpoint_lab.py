"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.run import Cancellation, Run
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.server.service import ServiceDefinition
from reelscope_runtime.settings import MediaSettings, ModelSettings
from support import sound
from support.engine import Silent

RATE = 16000


def install(settings: ModelSettings, package: str, name: str, *, pin: bool = True) -> None:
    """Has the manifest's entry take what lies in its folder: its hashes are not known, so they are pinned."""
    if pin:
        store = ModelStore(Manifest.load(package), settings)
        store.fetch(store.manifest.get(name), pin=True)


@contextmanager
def pool_of(service: ServiceDefinition, settings: ModelSettings) -> Iterator[ModelPool]:
    pool = ModelPool(ModelStore(Manifest.load(service.package), settings), settings, {"onnx": load_onnx, **service.loaders})
    with pool:
        yield pool


def analyze(
    service: ServiceDefinition, settings: ModelSettings, path: Path, *names: str, overrides: Mapping[str, str] | None = None
) -> dict[str, AnalyzerResult]:
    """Runs a service's engine over a file with the models of these settings."""
    host = MediaHost(MediaSettings())
    catalog = Catalog(service.features, service.analyzers)
    try:
        with pool_of(service, settings) as pool:
            info = host.probe(path)
            run = Run(
                catalog,
                catalog.select(names),
                media=info,
                options=AnalyzeOptions(),
                lease=lambda task: pool.lease(task, overrides=dict(overrides or {})),
                sink=Silent(),
                threads=2,
            )
            results = run.execute(lambda specs: host.decode(path, info, specs), Cancellation(), 60)
            return {result.analyzer: result for result in results}
    finally:
        host.close()


def wav(path: Path, samples: NDArray[np.float32]) -> Path:
    return sound.write(path, samples[None].astype(np.float32), RATE)
