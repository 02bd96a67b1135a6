"""A gRPC server as all our processes run it: health, reflection, interceptors, drain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from reelscope_runtime.errors import UnavailableError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.server.interceptors import ErrorInterceptor
from reelscope_runtime.settings import GrpcSettings

KEEPALIVE_MS = 30_000


class GrpcServer:
    """One listening server.

    Args:
        settings: Address and limits.
        metrics: Where calls are counted.
        services: Full names of the services, e.g. "reelscope.vision.v1.VisionService", each with the function that adds it.

    Raises:
        UnavailableError: The address can't be bound.
    """

    def __init__(
        self, settings: GrpcSettings, metrics: Metrics, services: Sequence[tuple[str, Callable[[grpc.aio.Server], None]]]
    ) -> None:
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor(metrics)],
            options=[
                ("grpc.max_send_message_length", settings.max_message_bytes),
                ("grpc.max_receive_message_length", settings.max_message_bytes),
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MS // 3),
                # Two processes on one port would take turns answering: refuse instead.
                ("grpc.so_reuseport", 0),
            ],
        )
        self._names = ["", *(name for name, _ in services)]
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for _, add in services:
            add(self._server)
        reflection.enable_server_reflection([*self._names[1:], health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        try:
            self.port = self._server.add_insecure_port(f"{settings.host}:{settings.port}")
        except RuntimeError as error:
            raise UnavailableError(f"cannot listen on {settings.host}:{settings.port}: {error}") from error

    async def start(self) -> None:
        """Listens; health says NOT_SERVING until `set_serving`."""
        await self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    async def set_serving(self) -> None:
        """Everything is loaded: health says SERVING."""
        await self._set(health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace_s: float) -> None:
        """Says NOT_SERVING, takes no new calls, lets running ones finish for `grace_s`."""
        await self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.stop(grace_s)

    async def _set(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in self._names:
            await self._health.set(name, status)
