"""`python -m bench [--long SECONDS]`: stack start, jobs, seeing, hearing, memory on long clips; results into bench/results/."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import clips, jobs, machine, sight, sound
from reelscope_cli.client import ReelscopeClient
from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.local import LocalStack

RESULTS = Path(__file__).parent / "results"
LONG_S = 600.0
SHORT_S = 40.0


async def run(long_s: float, folder: Path) -> dict[str, object]:
    """Everything that is measured, in one stack."""
    files = clips.short()
    roots = sorted({path.parent for path in files} | {folder})
    started = time.perf_counter()
    async with LocalStack(folder / "stack", StackOptions(media_roots=roots)) as stack:
        ready_s = time.perf_counter() - started
        pids = {process.name: process.pid for process in stack.processes if process.pid is not None}
        idle_mb = {name: round(machine.memory_mb(pid)) for name, pid in pids.items()}
        measured: dict[str, object] = {}
        async with ReelscopeClient(stack.gateway_url) as client:
            for path in files:
                one = await jobs.measure(client, path, pids)
                measured[path.name] = jobs.report(one)
                print(f"{path.name}: {one.wall_s:.2f} s, first segment after {one.first_segment_s:.2f} s", file=sys.stderr)
            seen = await sight.measure(client, folder, pids)
            heard = await sound.measure(client, folder, pids, long_s)
            long_clip = await _long_clip(client, folder, pids, long_s) if long_s else None
    return {
        "stack_ready_s": round(ready_s, 2),
        "idle_memory_mb": idle_mb,
        "jobs": measured,
        "sight": seen,
        "sound": heard,
        "long_clip": long_clip,
    }


async def _long_clip(client: ReelscopeClient, folder: Path, pids: dict[str, int], long_s: float) -> dict[str, object]:
    """Memory on a long clip against that on the clip that it repeats: it must not grow with the length.

    The vision analyzers only: they hold pictures. The short clip is the sample twice, which no kept result answers for.
    """
    short = clips.repeated(clips.DEMO, folder / "short.mp4", SHORT_S)
    long = clips.repeated(clips.DEMO, folder / "long.mp4", long_s)
    vision = tuple(one.name for one in (await client.analyzers()).analyzers if one.service == "vision")
    watched = {"vision": pids["vision"]}
    on_short = await jobs.measure(client, short, watched, vision)
    on_long = await jobs.measure(client, long, watched, vision)
    return {
        "duration_s": on_long.document.metadata.media.duration_s,
        "wall_s": round(on_long.wall_s, 1),
        "vision_peak_mb_short": round(on_short.peak_mb["vision"]),
        "vision_peak_mb_long": round(on_long.peak_mb["vision"]),
        "growth_mb": round(on_long.peak_mb["vision"] - on_short.peak_mb["vision"]),
        "statuses": sorted({result.status for result in on_long.document.analyzer_results.values()}),
    }


def main() -> None:
    """Measures and writes one file per run, named by its time, and `latest.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--long", type=float, default=LONG_S, help="length of the made long clip in seconds; 0: leave it out")
    arguments = parser.parse_args()
    about = machine.describe()
    before = machine.networks_ms()
    with tempfile.TemporaryDirectory(prefix="reelscope-bench-") as scratch:
        figures = asyncio.run(run(arguments.long, Path(scratch)))
    about["networks_ms"] = {"before": before, "after": machine.networks_ms()}
    now = datetime.now(UTC)
    text = json.dumps({"at": now.isoformat(timespec="seconds"), "machine": about, **figures}, indent=2) + "\n"
    RESULTS.mkdir(exist_ok=True)
    for name in (f"{now:%Y%m%dT%H%M%SZ}.json", "latest.json"):
        (RESULTS / name).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
