"""The vision service's process."""

from __future__ import annotations

import grpc

from reelscope.vision.v1 import vision_pb2_grpc
from reelscope.vision.v1.vision_pb2 import AnalyzeImageRequest, AnalyzeImageResponse
from reelscope_runtime.server.service import AnalyzeMethods, ServiceDefinition, run_service
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_vision.analyzers import ANALYZERS
from reelscope_vision.features import FEATURES
from reelscope_vision.stills import Stills


class VisionServicer(AnalyzeMethods, vision_pb2_grpc.VisionServiceServicer):
    """reelscope.vision.v1.VisionService."""

    def __init__(self, runner: TaskRunner) -> None:
        super().__init__(runner)
        self._stills = Stills(runner.catalog, runner.resources)

    async def AnalyzeImage(  # noqa: N802 - gRPC's name
        self, request: AnalyzeImageRequest, context: grpc.aio.ServicerContext[AnalyzeImageRequest, AnalyzeImageResponse]
    ) -> AnalyzeImageResponse:
        """What one picture shows."""
        del context
        return await self._stills.analyze(request)


def add_servicer(runner: TaskRunner, server: grpc.aio.Server) -> None:
    """Adds the service to a gRPC server."""
    vision_pb2_grpc.add_VisionServiceServicer_to_server(VisionServicer(runner), server)


SERVICE = ServiceDefinition(
    name="vision",
    package="reelscope_vision",
    grpc_name="reelscope.vision.v1.VisionService",
    add_servicer=add_servicer,
    features=FEATURES,
    analyzers=ANALYZERS,
)


def main() -> None:
    """Serves until SIGTERM."""
    run_service(SERVICE)


if __name__ == "__main__":
    main()
