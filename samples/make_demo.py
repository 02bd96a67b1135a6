#!/usr/bin/env python3
"""Makes samples/demo.mp4 and its truth, samples/demo.truth.json, from packages alone."""

import argparse
import json
import logging
from pathlib import Path

from demo_clip import encode, lettering, picture_track, soundtrack, truth, voice

METADATA = {
    "title": "Launch day (Reelscope demo)",
    "comment": "Pictures: NASA, SpaceX, Stefan van der Walt, Lav Varshney, Rachel Michetti",
}


def main() -> None:
    """Make the clip in the folder given by `--out`, by default the one in which this script lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write into")
    out: Path = parser.parse_args().out
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log = logging.getLogger("make_demo")

    utterances = voice.narrate()
    texts = lettering.plan(utterances)
    sound = soundtrack.mix(utterances)
    out.mkdir(parents=True, exist_ok=True)
    clip = out / "demo.mp4"
    encode.write(clip, picture_track.render(texts), sound, metadata=METADATA)
    known = json.dumps(truth.describe(utterances, texts), indent=1) + "\n"
    (out / "demo.truth.json").write_text(known, encoding="utf-8")
    log.info("%s: %.2f MB", clip, clip.stat().st_size / 1e6)


if __name__ == "__main__":
    main()
