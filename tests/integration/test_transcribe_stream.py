"""SpeechService.Transcribe over gRPC, against the service's own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.speech.v1 import speech_pb2_grpc
from reelscope.speech.v1.speech_pb2 import TranscribeConfig, TranscribeRequest, TranscribeResponse
from reelscope_runtime.settings import ModelSettings
from support import sound

TEXT = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@dataclass
class Service:
    grpc: int
    http: int

    def metric(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("live")
    ready = folder / "ready.json"
    environment = {
        **os.environ,
        "REELSCOPE_NATS__URL": "",
        "REELSCOPE_MEDIA__ROOT": str(folder),
        "REELSCOPE_MODELS__FOLDER": str(ModelSettings().folder),
        "REELSCOPE_READY_FILE": str(ready),
        "REELSCOPE_PARENT_PID": str(os.getpid()),
    }
    with subprocess.Popen([sys.executable, "-m", "reelscope_speech.main"], env=environment) as process:
        try:
            while not ready.exists():
                with pytest.raises(subprocess.TimeoutExpired):  # it ended before it was ready
                    process.wait(0.1)
            ports = json.loads(ready.read_text())
            yield Service(ports["grpc"], ports["http"])
        finally:
            process.kill()


@pytest.fixture
def stub(service: Service) -> Iterator[speech_pb2_grpc.SpeechServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{service.grpc}") as channel:
        yield speech_pb2_grpc.SpeechServiceStub(channel)


def config(rate: int, language: str = "") -> TranscribeRequest:
    return TranscribeRequest(config=TranscribeConfig(sample_rate=rate, language=language))


def pcm(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def requests(data: bytes, rate: int, size: int) -> Iterator[TranscribeRequest]:
    yield config(rate)
    for first in range(0, len(data), size):
        yield TranscribeRequest(pcm16=data[first : first + size])


def said(responses: list[TranscribeResponse]) -> list[str]:
    texts = [word.text.casefold() for response in responses for word in response.final_words]
    return ["".join(letter for letter in text if letter.isalpha()) for text in texts]


@pytest.mark.parametrize(("rate", "size"), [(16000, 3200), (8000, 1601), (48000, 96000)])
def test_speech_is_transcribed_as_it_comes(
    rate: int, size: int, stub: speech_pb2_grpc.SpeechServiceStub, shared_media: Path
) -> None:
    data = pcm(sound.read(shared_media / "speech" / "jfk_en.flac", rate)[0])
    responses = list(stub.Transcribe(requests(data, rate, size)))
    found = said(responses)
    assert jiwer.wer(TEXT, " ".join(found)) <= 0.1, found
    first = next(response for response in responses if response.final_words)
    assert first.audio_s < 5.5, "half of the audio"
    times = [time_s for response in responses for word in response.final_words for time_s in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert responses[-1].audio_s == pytest.approx(11.0, abs=0.05)
    assert responses[-1].language == "en"
    assert any(response.ends_utterance for response in responses)


def code_of(stub: speech_pb2_grpc.SpeechServiceStub, *messages: TranscribeRequest) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.Transcribe(iter(messages)))
    return caught.value.code(), caught.value.details()


def test_the_protocol_is_held(stub: speech_pb2_grpc.SpeechServiceStub) -> None:
    audio = TranscribeRequest(pcm16=b"\0\0" * 1600)
    wrong = {
        "first message": (audio,),
        "before its config": (),
        "4000 Hz": (config(4000),),
        "every message": (config(16000), audio, config(16000)),
        "middle of a 16-bit sample": (config(16000), TranscribeRequest(pcm16=b"\0\0\0")),
        "does not know the language": (config(16000, "xx"),),
    }
    for text, messages in wrong.items():
        code, details = code_of(stub, *messages)
        assert code == grpc.StatusCode.INVALID_ARGUMENT, text
        assert text in details
    assert not said(list(stub.Transcribe(iter((config(16000),))))), "no audio is no mistake"


def test_streams_are_bounded_and_a_client_that_goes_frees_its_place(
    service: Service, stub: speech_pb2_grpc.SpeechServiceStub
) -> None:
    release = threading.Event()

    def held() -> Iterator[TranscribeRequest]:
        yield config(16000)
        yield TranscribeRequest(pcm16=b"\0\0" * 16000)
        release.wait(30)

    calls = [stub.Transcribe(held()) for _ in range(2)]
    while service.metric("reelscope_live_streams") < 2:
        pass
    code, details = code_of(stub, config(16000))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "MAX_STREAMS" in details
    for call in calls:
        call.cancel()
    release.set()
    while service.metric("reelscope_live_streams") > 0:
        pass
    assert not said(list(stub.Transcribe(iter((config(16000), TranscribeRequest(pcm16=b"\0\0" * 16000))))))
    assert service.metric("reelscope_live_audio_seconds_total") >= 1.0
