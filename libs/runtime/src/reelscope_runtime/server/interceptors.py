"""What every gRPC call passes: errors of the tree become status codes, calls are counted, timed and traced."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc
import structlog
from opentelemetry.trace import SpanKind

from reelscope_runtime import tracing
from reelscope_runtime.errors import InternalError, ServiceError
from reelscope_runtime.metrics import Metrics

log = structlog.get_logger(__name__)

REASON_KEY = "reelscope-code"
"""Trailing metadata with the code of the error tree, finer than gRPC's status."""

UNTRACED = ("/grpc.health.v1.Health/", "/grpc.reflection.")


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Maps the error tree to gRPC, and measures."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wraps the handler in its own kind."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(UNTRACED):
            return handler
        metadata = {key: value for key, value in handler_call_details.invocation_metadata or () if isinstance(value, str)}
        wrap = _Call(self._metrics, method, metadata)
        codec = {"request_deserializer": handler.request_deserializer, "response_serializer": handler.response_serializer}
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(wrap.unary(handler.unary_unary), **codec)
        if handler.unary_stream is not None:
            return grpc.unary_stream_rpc_method_handler(wrap.stream(handler.unary_stream), **codec)
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(wrap.unary(handler.stream_unary), **codec)
        return grpc.stream_stream_rpc_method_handler(wrap.stream(cast(Callable[..., Any], handler.stream_stream)), **codec)


class _Call:
    def __init__(self, metrics: Metrics, method: str, metadata: dict[str, str]) -> None:
        self._metrics = metrics
        self._method = method
        self._metadata = metadata

    def unary(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        async def handle(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> object:
            started = time.perf_counter()
            try:
                with tracing.span(self._method, kind=SpanKind.SERVER, parent=tracing.extract(self._metadata)):
                    response = await behavior(request, context)
            except grpc.aio.AbortError:
                raise
            except ServiceError as error:
                await self._abort(context, error)
            except Exception as error:  # noqa: BLE001 - one of the places that map the error tree
                await self._abort(context, self._unforeseen(error))
            else:
                self._count("OK", started)
                return response
            return None

        return handle

    def stream(self, behavior: Callable[..., Any]) -> Callable[..., Any]:
        async def handle(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[object]:
            started = time.perf_counter()
            try:
                with tracing.span(self._method, kind=SpanKind.SERVER, parent=tracing.extract(self._metadata)):
                    async for response in behavior(request, context):
                        yield response
            except grpc.aio.AbortError:
                raise
            except ServiceError as error:
                await self._abort(context, error)
            except Exception as error:  # noqa: BLE001 - one of the places that map the error tree
                await self._abort(context, self._unforeseen(error))
            else:
                self._count("OK", started)

        return handle

    def _count(self, code: str, started: float) -> None:
        self._metrics.grpc_handled.labels(self._method, code).inc()
        self._metrics.grpc_seconds.labels(self._method).observe(time.perf_counter() - started)

    def _unforeseen(self, error: Exception) -> ServiceError:
        log.error("grpc_call_failed", method=self._method, exc_info=error)
        return InternalError(f"{type(error).__name__}: {error}")

    async def _abort(self, context: grpc.aio.ServicerContext[Any, Any], error: ServiceError) -> None:
        self._metrics.grpc_handled.labels(self._method, error.grpc_status).inc()
        code: grpc.StatusCode = getattr(grpc.StatusCode, error.grpc_status)
        await context.abort(code, error.reason, trailing_metadata=((REASON_KEY, error.error_code),))
