"""The Transcribe call: requests to audio, updates to responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from reelscope.speech.v1.details_pb2 import Word
from reelscope.speech.v1.speech_pb2 import TranscribeConfig, TranscribeRequest, TranscribeResponse
from reelscope_runtime.errors import InvalidRequestError, ResourceExhaustedError
from reelscope_runtime.server.resources import Resources
from reelscope_speech.live.transcriber import LiveTranscriber, Update

log = structlog.get_logger(__name__)

RATES: Final = (8000, 192000)
"""Hz, lowest and highest."""

PIECE_S: Final = 0.25
"""Audio is worked off in pieces of about this length, however it comes: less costs more calls than it saves waiting."""

_SAMPLE_BYTES: Final = 2


class LiveStreams:
    """All live streams of the process.

    Each has a thread of its own for its computing, so that none waits for another nor for a task; there are as many as the
    settings allow.

    Args:
        resources: Models, settings, metrics.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._limit = resources.settings.live.max_streams
        self._open = 0

    async def transcribe(self, requests: AsyncIterator[TranscribeRequest]) -> AsyncGenerator[TranscribeResponse, None]:
        """Answers one stream.

        Requests are read no faster than they are worked off, so that gRPC's flow control holds the sender back.

        Raises:
            InvalidRequestError: The protocol is not kept.
            ResourceExhaustedError: As many streams as are allowed are open.
            ModelUnavailableError: The models can't be had.
        """
        config = await _config(requests)
        if self._open >= self._limit:
            raise ResourceExhaustedError(
                f"{self._open} live streams are open, and no more are allowed (REELSCOPE_LIVE__MAX_STREAMS); try again later"
            )
        self._open += 1
        metrics = self._resources.metrics
        metrics.live_streams.set(self._open)
        thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        leases = ExitStack()
        words = 0
        live: LiveTranscriber | None = None
        try:
            loop = asyncio.get_running_loop()
            live = await loop.run_in_executor(thread, self._transcriber, config, leases)
            piece = round(PIECE_S * config.sample_rate) * _SAMPLE_BYTES
            pending = b""
            async for request in requests:
                pending += _audio(request)
                if len(pending) < piece:
                    continue
                samples, pending = _samples(pending)
                for update in await loop.run_in_executor(thread, live.feed, samples):
                    words += len(update.final)
                    yield _response(update)
            samples, odd = _samples(pending)
            if odd:
                raise InvalidRequestError("the audio ends in the middle of a 16-bit sample")
            for update in await loop.run_in_executor(thread, _last, live, samples):
                words += len(update.final)
                yield _response(update)
            yield TranscribeResponse(language=live.language, audio_s=live.audio_s)
        finally:
            # Waits for the reading that runs, at most a second or two: its models are in use.
            await asyncio.shield(asyncio.to_thread(thread.shutdown))
            leases.close()
            self._open -= 1
            metrics.live_streams.set(self._open)
            audio_s = live.audio_s if live is not None else 0.0
            metrics.live_audio_seconds.inc(audio_s)
            log.info("live_stream_ended", audio_s=round(audio_s, 2), words=words)

    def _transcriber(self, config: TranscribeConfig, leases: ExitStack) -> LiveTranscriber:
        pool = self._resources.pool
        whisper, activity = (leases.enter_context(pool.lease(task)).model for task in ("transcription", "voice_activity"))
        return LiveTranscriber(whisper, activity, sample_rate=config.sample_rate, language=config.language)


async def _config(requests: AsyncIterator[TranscribeRequest]) -> TranscribeConfig:
    """The first request's configuration."""
    async for request in requests:
        if request.WhichOneof("request") != "config":
            raise InvalidRequestError("the first message of the stream must be the config")
        low, high = RATES
        if not low <= request.config.sample_rate <= high:
            raise InvalidRequestError(f"config.sample_rate is {request.config.sample_rate} Hz; {low} to {high} are taken")
        return request.config
    raise InvalidRequestError("the stream ended before its config came")


def _audio(request: TranscribeRequest) -> bytes:
    if request.WhichOneof("request") != "pcm16":
        raise InvalidRequestError("after the config, every message of the stream must be pcm16 audio")
    return request.pcm16


def _samples(data: bytes) -> tuple[NDArray[np.float32], bytes]:
    """16-bit little-endian PCM as floats, and the first byte of a sample whose second one is still to come."""
    whole = len(data) // _SAMPLE_BYTES * _SAMPLE_BYTES
    return np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768.0, data[whole:]


def _last(live: LiveTranscriber, samples: NDArray[np.float32]) -> list[Update]:
    return [*live.feed(samples), *live.finish()]


def _response(update: Update) -> TranscribeResponse:
    return TranscribeResponse(
        final_words=[
            Word(text=word.text.strip(), start_s=word.start_s, end_s=word.end_s, probability=word.probability)
            for word in update.final
        ],
        interim_text=update.interim,
        language=update.language,
        audio_s=update.audio_s,
        ends_utterance=update.ends_utterance,
    )
