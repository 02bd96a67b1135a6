"""Gathers what was measured within one window of the clip."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from reelscope_temporal.features.samples import Sample
from reelscope_temporal.features.subjects import Subject

CAMERA_SHIFT_PER_S = 0.04
"""Frame widths a second from which steady motion of the whole picture is worth a word."""
SAME_LOOK = 0.02
"""Mean difference of two windows' thumbnails below which they look the same."""


@dataclass(slots=True)
class Window:
    """One stretch and its measurements; `add_*` in the order of time."""

    start_s: float
    end_s: float
    shot_index: int = 0
    samples: list[Sample] = field(default_factory=list)
    subjects: list[tuple[Subject, ...]] = field(default_factory=list)

    @property
    def brightness(self) -> float:
        """Mean lightness, in [0,1]."""
        return float(np.mean([sample.brightness for sample in self.samples]))

    @property
    def motion(self) -> float:
        """Mean change between samples within a shot, in [0,1]."""
        return float(np.mean([sample.change for sample in self.samples if not sample.new_shot] or [0.0]))

    @property
    def new_shots(self) -> int:
        """Shots that begin within the window."""
        return sum(sample.new_shot for sample in self.samples)

    @property
    def colors(self) -> tuple[str, ...]:
        """The two colours that cover most."""
        shares: Counter[str] = Counter()
        for sample in self.samples:
            shares.update(dict(sample.colors))
        return tuple(name for name, _ in shares.most_common(2))

    def camera(self, samples_per_s: float) -> str:
        """Steady motion of the whole picture as a camera move; empty where there is none.

        The picture's content goes the other way than the camera.
        """
        shifts = np.array([sample.shift for sample in self.samples if not sample.new_shot] or [(0.0, 0.0)])
        right, down = np.median(shifts, axis=0) * samples_per_s
        if max(abs(right), abs(down)) < CAMERA_SHIFT_PER_S:
            return ""
        if abs(right) >= abs(down):
            return "pans left" if right > 0 else "pans right"
        return "tilts up" if down > 0 else "tilts down"

    def cast(self) -> tuple[tuple[str, int], ...]:
        """Labels seen in at least half of the looks, with how many are usually seen together, the largest first.

        The median and not the most: a detector that sees double for a moment makes no second person.
        """
        counts = [Counter(subject.label for subject in look) for look in self.subjects]
        area: dict[str, float] = {}
        for subject in chain.from_iterable(self.subjects):
            area[subject.label] = max(area.get(subject.label, 0.0), subject.area)
        usual: dict[str, int] = {}
        for label in area:
            seen = sorted(count[label] for count in counts if count[label])
            if 2 * len(seen) >= len(counts):
                usual[label] = seen[(len(seen) - 1) // 2]
        return tuple((label, usual[label]) for label in sorted(usual, key=lambda label: -area[label]))

    def placement(self) -> str:
        """Where the largest subject stands: "left", "center", "right", or empty."""
        centers = [look[0].center[0] for look in self.subjects if look]
        if not centers:
            return ""
        middle = float(np.median(centers))
        return "left" if middle < 1 / 3 else "right" if middle > 2 / 3 else "center"

    def looks_like(self, other: Window) -> float:
        """Similarity of the two windows' pictures, in [0,1]."""
        if not self.samples or not other.samples:
            return 0.0
        ours, theirs = (np.mean([s.thumbnail for s in w.samples], axis=0) for w in (self, other))
        return 1.0 - min(1.0, float(np.abs(ours - theirs).mean()))
