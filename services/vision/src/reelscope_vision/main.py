"""The vision service's process."""

from __future__ import annotations

import grpc

from reelscope.vision.v1 import vision_pb2_grpc
from reelscope.vision.v1.vision_pb2 import AnalyzeImageRequest, AnalyzeImageResponse
from reelscope_runtime.errors import UnsupportedError
from reelscope_runtime.server.service import AnalyzeMethods, ServiceDefinition, run_service
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_vision.analyzers import ANALYZERS
from reelscope_vision.features import FEATURES


class VisionServicer(AnalyzeMethods, vision_pb2_grpc.VisionServiceServicer):
    """reelscope.vision.v1.VisionService."""

    async def AnalyzeImage(  # noqa: N802 - gRPC's name
        self, request: AnalyzeImageRequest, context: grpc.aio.ServicerContext[AnalyzeImageRequest, AnalyzeImageResponse]
    ) -> AnalyzeImageResponse:
        """Refuses: none of today's analyzers is made for stills."""
        del request, context
        raise UnsupportedError("no analyzer of this version takes still pictures; send a clip to Analyze")


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
