"""Every Prometheus metric of the system, declared once. A process makes one `Metrics` and passes it down."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, PlatformCollector, ProcessCollector

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
"""Buckets for work on clips: from a header to an hour-long file."""
REQUEST_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one process, all with the prefix `reelscope_`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._declare_service()
        self._declare_models()
        self._declare_gateway()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"reelscope_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"reelscope_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
        return Histogram(f"reelscope_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _declare_service(self) -> None:
        self.tasks = self._counter("tasks_total", "Tasks by how they ended", "service", "outcome")
        self.task_seconds = self._histogram("task_seconds", "Time from taking a task to its end", "service")
        self.tasks_running = self._gauge("tasks_running", "Tasks in hand", "service")
        self.redeliveries = self._counter("task_redeliveries_total", "Tasks taken for a second or later time", "service")
        self.dead_letters = self._counter("dead_letters_total", "Tasks given up", "service")
        self.results = self._counter("analyzer_results_total", "Analyzer results by status", "analyzer", "status")
        self.result_cache = self._counter("result_cache_total", "Look-ups of earlier results", "analyzer", "outcome")
        self.node_seconds = self._counter("node_compute_seconds_total", "Compute time by graph node", "service", "node")
        self.node_items = self._counter("node_items_total", "Items by graph node", "service", "node")
        self.decodes = self._counter("decodes_total", "Decoder passes over a file", "service")
        self.frames_decoded = self._counter("frames_decoded_total", "Video frames decoded", "service")
        self.media_seconds = self._counter("media_seconds_total", "Seconds of media analyzed", "service")
        self.live_streams = self._gauge("live_streams", "Live audio streams that are open")
        self.live_audio_seconds = self._counter("live_audio_seconds_total", "Seconds of live audio that were heard")
        self.grpc_handled = self._counter("grpc_handled_total", "gRPC calls by outcome", "method", "code")
        self.grpc_seconds = self._histogram("grpc_seconds", "Duration of gRPC calls", "method", buckets=REQUEST_SECONDS)
        self.bus_connected = self._gauge("bus_connected", "1 while the process is connected to NATS")

    def _declare_models(self) -> None:
        self.models_loaded = self._gauge("model_loaded", "1 while the model is in memory", "model")
        self.model_loads = self._counter("model_loads_total", "Times that a model was loaded", "model")
        self.model_unloads = self._counter("model_unloads_total", "Times that a model was unloaded", "model")
        self.model_load_seconds = self._histogram("model_load_seconds", "Time to load a model", "model")
        self.model_memory = self._gauge("model_memory_bytes", "Growth of the process when the model was loaded", "model")

    def _declare_gateway(self) -> None:
        self.jobs_submitted = self._counter("jobs_submitted_total", "Jobs taken in", "source_kind", "priority")
        self.jobs_finished = self._counter("jobs_finished_total", "Jobs by how they ended", "state")
        self.job_seconds = self._histogram("job_seconds", "Time from submission to the document")
        self.job_stage_seconds = self._histogram("job_stage_seconds", "Time of each stage of a job", "stage")
        self.jobs_running = self._gauge("jobs_running", "Jobs that this gateway works on")
        self.fetches = self._counter("fetch_total", "Downloads by site and outcome", "site", "outcome")
        self.fetch_seconds = self._histogram("fetch_seconds", "Duration of downloads")
        self.http_requests = self._counter("http_requests_total", "HTTP requests", "method", "route", "status")
        self.http_seconds = self._histogram(
            "http_request_seconds", "Duration of HTTP requests", "route", buckets=REQUEST_SECONDS
        )
        self.sse_clients = self._gauge("sse_clients", "Open event streams")
