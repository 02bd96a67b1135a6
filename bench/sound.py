"""What hearing costs: transcription, and everything else in the audio and speech services, as multiples of realtime."""

from __future__ import annotations

from pathlib import Path

from bench import clips, jobs
from reelscope_cli.client import ReelscopeClient

SERVICES = ("audio", "speech")
TRANSCRIPTION = ("speech_regions", "speech_transcription")
"""Nodes that turn sound into words; all others are counted together."""


async def measure(client: ReelscopeClient, folder: Path, pids: dict[str, int], long_s: float) -> dict[str, object]:
    """Figures of the talking clips and of a made long file, each service working alone so that neither slows the other.

    Args:
        client: Of the gateway.
        folder: Inside a media root, for the made file.
        pids: Of the services.
        long_s: Length of the made file; 0: leave it out.
    """
    listed = (await client.analyzers()).analyzers
    names = {service: tuple(one.name for one in listed if one.service == service) for service in SERVICES}
    files = clips.talking()
    if long_s:
        files.append(clips.repeated(files[0], folder / "talking.mp4", long_s))
    figures: dict[str, object] = {}
    for path in files:
        # Padded anew, so that no kept result of an earlier job answers.
        copy = path if path.parent == folder else clips.repeated(path, folder / f"sound_{path.name}", 1.0)
        measured = {s: await jobs.measure(client, copy, {s: pids[s]}, names[s]) for s in SERVICES}
        figures[path.name] = _report(measured)
    return figures


def _report(measured: dict[str, jobs.Measured]) -> dict[str, object]:
    nodes: dict[str, float] = {}
    for one in measured.values():
        for name, result in one.document.analyzer_results.items():
            nodes[name] = result.timing.compute_s
            nodes.update({node.node: node.compute_s for node in result.timing.nodes if node.node != "decoder"})
    speech = measured["speech"]
    duration_s = speech.document.metadata.media.duration_s
    transcription_s = sum(nodes.get(name, 0.0) for name in TRANSCRIPTION)
    others_s = sum(seconds for name, seconds in nodes.items() if name not in TRANSCRIPTION)
    return {
        "duration_s": duration_s,
        "transcription_times_realtime": round(duration_s / max(transcription_s, 1e-9), 1),
        "others_times_realtime": round(duration_s / max(others_s, 1e-9), 1),
        "wall_s": {service: round(one.wall_s, 2) for service, one in measured.items()},
        "first_words_s": round(speech.first_segment_s, 2),
        "peak_memory_mb": {service: round(one.peak_mb[service]) for service, one in measured.items()},
        "nodes_s": {name: round(seconds, 3) for name, seconds in sorted(nodes.items())},
    }
