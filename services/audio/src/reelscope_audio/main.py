"""The audio service's process."""

from __future__ import annotations

import grpc

from reelscope.audio.v1 import audio_pb2_grpc
from reelscope_audio.analyzers import ANALYZERS
from reelscope_audio.features import FEATURES
from reelscope_audio.tagging.ast import load_ast
from reelscope_runtime.server.service import AnalyzeMethods, ServiceDefinition, run_service
from reelscope_runtime.server.tasks import TaskRunner


class AudioServicer(AnalyzeMethods, audio_pb2_grpc.AudioServiceServicer):
    """reelscope.audio.v1.AudioService."""


def add_servicer(runner: TaskRunner, server: grpc.aio.Server) -> None:
    """Adds the service to a gRPC server."""
    audio_pb2_grpc.add_AudioServiceServicer_to_server(AudioServicer(runner), server)


SERVICE = ServiceDefinition(
    name="audio",
    package="reelscope_audio",
    grpc_name="reelscope.audio.v1.AudioService",
    add_servicer=add_servicer,
    features=FEATURES,
    analyzers=ANALYZERS,
    loaders={"transformers": load_ast},
)


def main() -> None:
    """Serves until SIGTERM."""
    run_service(SERVICE)


if __name__ == "__main__":
    main()
