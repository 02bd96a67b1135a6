"""What "face_tracks" and "person_tracks" have in common: a second opinion of the detector of objects, which learned what is no
person."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.settled_tracks import SettledTracks
from reelscope_vision.tracking.boxes import Boxes

_SURE: Final = 0.45
"""Score of a person, as a track of objects begins with: a dog that sits up has 0.35."""

_SAME_MOMENT_S: Final = 0.15
"""Objects are looked for every fifth of a second, so that the nearer look is a tenth away at most. The rest is for frames: each
of the two looks may be half a frame off its time, a twentieth of a second in all at 20 a second."""

_LABEL: Final = "person"


class BackedTracks(SettledTracks):
    """Settled tracks of which some are believed because "objects" sees a person there at that moment."""

    # Shots first, in `requires`: of a cut and a frame at the same time, the frame belongs to the new shot.
    wants = ("objects",)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._frame: AnyItem | None = None
        self._objects: AnyItem | None = None

    @abstractmethod
    def backed(self, frame: Any, persons: Boxes) -> Iterable[int]:  # noqa: ANN401 - each feature's own kind of frame
        """Raw tracks of a frame for which persons at [n, 4] speak."""

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition, or a frame, or the objects of one; gives the frames that have waited long enough."""
        if isinstance(item.value, FrameObjects):
            self._objects = item
            self._believe()
            return
        if item.source != "shots":
            self._frame = item
        elif item.value.ends_tracks:
            self._frame = self._objects = None
        settled = list(super().process(item))
        self._believe()
        yield from settled

    def _believe(self) -> None:
        """Lets two looks at the same moment speak for each other."""
        if self._frame is not None:
            for track in self.backed(self._frame.value, person_boxes(self._objects, self._frame.time_s)):
                self.settler.believe(track)


def person_boxes(objects: AnyItem | None, time_s: float) -> Boxes:
    """Boxes [n, 4] of the persons, x, y, w, h in frame sizes; none where objects were looked for at another moment.

    Args:
        objects: An item of "objects", if there is one.
        time_s: The moment that is asked about.
    """
    if objects is None or abs(objects.time_s - time_s) > _SAME_MOMENT_S:
        return np.zeros((0, 4))
    frame: FrameObjects = objects.value
    sure = [one for one in frame.detections if one.label == _LABEL and one.score >= _SURE]
    return np.array([(one.x, one.y, one.width, one.height) for one in sure]).reshape(-1, 4)
