"""What seeing costs: all vision analyzers together on one clip, beside the length of the clip."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench import clips, jobs, machine
from reelscope_cli.client import ReelscopeClient

SERVICE = "vision"
REST_S = 2.0
"""After a job: what it leaves behind is tidied up."""


async def measure(client: ReelscopeClient, folder: Path, pids: dict[str, int]) -> dict[str, object]:
    """Figures of the talking clips, the vision service working alone.

    Each clip is seen twice: for the time, and for the memory. The kernel walks all of the service's pages for their shares
    (smaps_rollup); ten times a second that is 15 % of a core, which the service would miss.

    Just before and after the first, networks are timed by themselves, for a rented machine is now fast and now slow: the factor
    at the speed that the aims are for is told by the faster of the two.

    Args:
        client: Of the gateway.
        folder: Inside a media root, for copies that no kept result answers for.
        pids: Of the services.
    """
    names = tuple(one.name for one in (await client.analyzers()).analyzers if one.service == SERVICE)
    figures: dict[str, object] = {}
    for path in clips.talking():
        # In two containers, so that no kept result of the one answers for the other.
        timed = clips.repeated(path, folder / f"timed_{path.stem}.mp4", 1.0)
        watched = clips.repeated(path, folder / f"watched_{path.stem}.mkv", 1.0)
        before = machine.networks_ms()
        seen = await jobs.measure(client, timed, {}, names)
        await asyncio.sleep(REST_S)
        slower = min(machine.times_slower(before), machine.times_slower(machine.networks_ms()))
        figures[path.name] = _report(
            seen, await jobs.measure(client, watched, {SERVICE: pids[SERVICE]}, names), times_slower=slower
        )
    return figures


def _report(measured: jobs.Measured, watched: jobs.Measured, *, times_slower: float) -> dict[str, object]:
    nodes: dict[str, float] = {}
    pictures = 0
    for name, result in measured.document.analyzer_results.items():
        nodes[name] = result.timing.compute_s
        for node in result.timing.nodes:
            nodes[node.node] = node.compute_s
            pictures = max(pictures, node.items if node.node == "decoder" else 0)
    duration_s = measured.document.metadata.media.duration_s
    results = [*measured.document.analyzer_results.values(), *watched.document.analyzer_results.values()]
    statuses = sorted({result.status for result in results})
    return {
        "duration_s": duration_s,
        "analyzers": len(measured.document.analyzer_results),
        "statuses": statuses,
        "wall_s": round(measured.wall_s, 2),
        "realtime_factor": round(measured.wall_s / duration_s, 3),
        "networks_times_slower_than_for_the_aims": round(times_slower, 2),
        "realtime_factor_at_their_speed": round(measured.wall_s / duration_s / times_slower, 3),
        "frames_decoded": pictures,
        "peak_memory_mb": round(watched.peak_mb[SERVICE]),
        "nodes_s": {name: round(seconds, 3) for name, seconds in sorted(nodes.items())},
    }
