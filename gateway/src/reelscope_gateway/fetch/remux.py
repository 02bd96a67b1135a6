"""Puts a video-only and an audio-only file together by copying their packets: what ffmpeg would be needed for otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream


def _packets(source: Path, target: av.container.OutputContainer) -> Iterator[tuple[float, Packet[Stream]]]:
    """Packets of the source's first stream, with their decode times in seconds, addressed to a new stream of the target."""
    with av.open(str(source)) as container:
        stream: Stream = container.streams[0]
        copy = target.add_stream_from_template(stream)
        yield 0.0, Packet()
        for packet in container.demux(stream):
            if packet.dts is None or packet.time_base is None:
                continue
            packet.stream = copy
            yield float(packet.dts * packet.time_base), packet


def join(video: Path, audio: Path, target: Path) -> Path:
    """Writes `target` (Matroska, which takes any codec) with the first stream of each file, interleaved by time.

    Raises:
        av.FFmpegError: One of them can't be read.
    """
    with av.open(str(target), "w", format="matroska") as container:
        sources = [_packets(video, container), _packets(audio, container)]
        for source in sources:
            next(source)  # every stream is declared before the first packet is written
        heads = [next(source, None) for source in sources]
        while any(head is not None for head in heads):
            number = min(
                (index for index, head in enumerate(heads) if head is not None),
                key=lambda index: heads[index][0],  # type: ignore[index]
            )
            head = heads[number]
            if head is not None:
                container.mux(head[1])
            heads[number] = next(sources[number], None)
    return target
