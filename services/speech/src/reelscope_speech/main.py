"""The speech service's process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc

from reelscope.speech.v1 import speech_pb2_grpc
from reelscope.speech.v1.speech_pb2 import TranscribeRequest, TranscribeResponse
from reelscope_runtime.server.service import AnalyzeMethods, ServiceDefinition, run_service
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_speech.analyzers import ANALYZERS
from reelscope_speech.features import FEATURES
from reelscope_speech.live.stream import LiveStreams
from reelscope_speech.loaders import LOADERS


class SpeechServicer(AnalyzeMethods, speech_pb2_grpc.SpeechServiceServicer):
    """reelscope.speech.v1.SpeechService."""

    def __init__(self, runner: TaskRunner) -> None:
        super().__init__(runner)
        self._live = LiveStreams(runner.resources)

    async def Transcribe(  # noqa: N802 - gRPC's name
        self,
        request_iterator: AsyncIterator[TranscribeRequest],
        context: grpc.aio.ServicerContext[TranscribeRequest, TranscribeResponse],
    ) -> AsyncIterator[TranscribeResponse]:
        """Words of live audio; a caller that goes away ends the stream."""
        del context
        async with aclosing(self._live.transcribe(request_iterator)) as responses:
            async for response in responses:
                yield response


def add_servicer(runner: TaskRunner, server: grpc.aio.Server) -> None:
    """Adds the service to a gRPC server."""
    speech_pb2_grpc.add_SpeechServiceServicer_to_server(SpeechServicer(runner), server)


SERVICE = ServiceDefinition(
    name="speech",
    package="reelscope_speech",
    grpc_name="reelscope.speech.v1.SpeechService",
    add_servicer=add_servicer,
    features=FEATURES,
    analyzers=ANALYZERS,
    loaders=LOADERS,
)


def main() -> None:
    """Serves until SIGTERM."""
    run_service(SERVICE)


if __name__ == "__main__":
    main()
