"""OpenTelemetry: off until an OTLP endpoint is set; the context travels in NATS headers and gRPC metadata (W3C traceparent)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from reelscope_runtime.settings import TracingSettings


def configure_tracing(settings: TracingSettings, *, service: str) -> Callable[[], None]:
    """Starts exporting if an endpoint is set; returns what to call at the end, which sends what is left."""
    if not settings.otlp_endpoint:
        return lambda: None
    # Imported here: the SDK and its exporter cost a third of a second that nobody else should pay.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"reelscope-{service}"}))
    insecure = not settings.otlp_endpoint.startswith("https://")
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp_endpoint, insecure=insecure)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, **attributes: str | float
) -> Iterator[Span]:
    """One unit of work; an exception that leaves it marks it as failed."""
    tracer = trace.get_tracer("reelscope")
    with tracer.start_as_current_span(name, context=parent, kind=kind, attributes=attributes) as current:
        yield current


def inject(headers: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Adds the current context to headers; returns them."""
    propagate.inject(headers)
    return headers


def extract(headers: Mapping[str, str]) -> Context:
    """The context that headers carry."""
    return propagate.extract(dict(headers))
