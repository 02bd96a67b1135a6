"""The temporal service's process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc

from reelscope.temporal.v1 import temporal_pb2_grpc
from reelscope.temporal.v1.temporal_pb2 import AskRequest, AskResponse
from reelscope_runtime.errors import InvalidRequestError, UnsupportedError
from reelscope_runtime.server.service import AnalyzeMethods, ServiceDefinition, run_service
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_temporal.analyzers import ANALYZERS
from reelscope_temporal.features import FEATURES


class TemporalServicer(AnalyzeMethods, temporal_pb2_grpc.TemporalServiceServicer):
    """reelscope.temporal.v1.TemporalService."""

    async def Ask(  # noqa: N802 - gRPC's name
        self, request: AskRequest, context: grpc.aio.ServicerContext[AskRequest, AskResponse]
    ) -> AsyncIterator[AskResponse]:
        """Refuses: the storyboard engine measures, it does not understand questions."""
        del context
        if not request.question:
            raise InvalidRequestError("question is empty")
        raise UnsupportedError("answering questions needs a vision-language model; the storyboard engine has none")
        yield AskResponse()  # makes this the asynchronous generator that gRPC wants


def add_servicer(runner: TaskRunner, server: grpc.aio.Server) -> None:
    """Adds the service to a gRPC server."""
    temporal_pb2_grpc.add_TemporalServiceServicer_to_server(TemporalServicer(runner), server)


SERVICE = ServiceDefinition(
    name="temporal",
    package="reelscope_temporal",
    grpc_name="reelscope.temporal.v1.TemporalService",
    add_servicer=add_servicer,
    features=FEATURES,
    analyzers=ANALYZERS,
)


def main() -> None:
    """Serves until SIGTERM."""
    run_service(SERVICE)


if __name__ == "__main__":
    main()
