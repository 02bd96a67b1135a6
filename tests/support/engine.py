"""Runs a service's analyzers over a file without a bus or a server: the engine, the decoder process and the real models."""

from __future__ import annotations

import fcntl
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeOptions, AnalyzerResult, Segment
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.run import Cancellation, Run
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.settings import RuntimeSettings

SERVICES = ("vision", "audio", "speech", "temporal")


class Silent:
    """Hears of everything and says nothing."""

    def progress(self, fraction: float, media_time_s: float) -> None:
        """Ignored."""

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        """Ignored."""

    def result(self, result: AnalyzerResult) -> None:
        """Ignored."""


class Bench:
    """One service's engine, with the models that it was asked for loaded.

    Args:
        service: Its name.
        host: Decodes.
        settings: Of models and media.
        kept: Folder for what `analyze_once` keeps, shared by all processes of a test run.
    """

    def __init__(self, service: str, host: MediaHost, settings: RuntimeSettings, kept: Path) -> None:
        package = f"reelscope_{service}"
        main = importlib.import_module(f"{package}.main")
        self.catalog = Catalog(main.SERVICE.features, main.SERVICE.analyzers)
        self.pool = ModelPool(
            ModelStore(Manifest.load(package), settings.models),
            settings.models,
            {"onnx": load_onnx, **main.SERVICE.loaders},
        )
        self._service = service
        self._host = host
        self._kept = kept
        self._threads = settings.models.threads

    def analyze(self, path: Path, *names: str) -> dict[str, AnalyzerResult]:
        """Results by analyzer's name; all analyzers where none is named. Raises MediaError for what is no media."""
        info = self._host.probe(path)
        run = Run(
            self.catalog,
            self.catalog.select(names),
            media=info,
            options=AnalyzeOptions(),
            lease=self.pool.lease,
            sink=Silent(),
            threads=self._threads,
        )
        results = run.execute(lambda specs: self._host.decode(path, info, specs), Cancellation(), 600)
        return {result.analyzer: result for result in results}

    def analyze_once(self, path: Path, *names: str) -> dict[str, AnalyzerResult]:
        """Like `analyze`, for clips that many tests look at: the first who asks has all analyzers run, the others get what they
        found, in whichever process of the test run they are. Nothing is kept, and whoever asks fails, where an analyzer did."""
        file = self._kept / f"{self._service}-{hashlib.sha256(bytes(path.resolve())).hexdigest()}"
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                found = self.analyze(path)
                broken = [result for result in found.values() if result.status not in {"succeeded", "not_applicable"}]
                assert not broken, broken
                partial = file.with_suffix(".partial")
                partial.write_bytes(AnalysisDocument(analyzer_results=found).SerializeToString())
                partial.rename(file)
        results = dict(AnalysisDocument.FromString(file.read_bytes()).analyzer_results)
        return {name: results[name] for name in names or sorted(results)}


@contextmanager
def benches(kept: Path) -> Iterator[dict[str, Bench]]:
    """The engines of all services, one decoder host for all. `kept` is a folder for `Bench.analyze_once`."""
    settings = RuntimeSettings()
    host = MediaHost(settings.media)
    made = {service: Bench(service, host, settings, kept) for service in SERVICES}
    try:
        yield made
    finally:
        for bench in made.values():
            bench.pool.close()
        host.close()
