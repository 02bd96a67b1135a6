"""Where the detector of objects sees persons, for "person_tracks" and "face_tracks", which ask it for a second opinion."""

from __future__ import annotations

from typing import Final

import numpy as np

from reelscope_runtime.media.items import AnyItem
from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.tracking.boxes import Boxes

_SEEN: Final = 0.45
"""Score of a person, as a track of objects begins with: a dog that sits up has 0.35."""

_SAME_MOMENT_S: Final = 0.15
"""Objects are looked for every fifth of a second, so that the nearer look is a tenth away at most. The rest is for frames: each
of the two looks may be half a frame off its time, a twentieth of a second in all at 20 a second."""

_LABEL: Final = "person"


def person_boxes(objects: AnyItem | None, time_s: float) -> Boxes:
    """Boxes [n, 4] of the persons, x, y, w, h in frame sizes; none where objects were looked for at another moment.

    Args:
        objects: An item of "objects", if there is one.
        time_s: The moment that is asked about.
    """
    detections: tuple[Detection, ...] = ()
    if objects is not None and abs(objects.time_s - time_s) <= _SAME_MOMENT_S:
        detections = objects.value.detections
    sure = [one for one in detections if one.label == _LABEL and one.score >= _SEEN]
    return np.array([(one.x, one.y, one.width, one.height) for one in sure]).reshape(-1, 4)
