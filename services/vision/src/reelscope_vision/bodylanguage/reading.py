"""What the rules say of one body in one picture, in a few bytes: a person may be in the picture for an hour."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.bodylanguage.arms import HOLDS, hold, openness
from reelscope_vision.bodylanguage.body import Body
from reelscope_vision.bodylanguage.facing import facing
from reelscope_vision.persons.skeleton import BODY_OF_TORSO, WRISTS

FACINGS: Final = ("unknown", "camera", "left", "right", "away")
FACING_RULES: Final = ("", "shoulders_towards_camera", "shoulders_turned", "head_towards_camera", "head_turned", "face_hidden")

READING: Final = np.dtype(
    [
        ("time_s", "f8"),
        ("end_s", "f8"),
        ("score", "f4"),
        ("speed", "f4"),
        ("facing", "i1"),
        ("facing_rule", "i1"),
        ("hold", "i1"),
        ("has_hands", "?"),
        ("lean_degrees", "f4"),
        ("openness", "f4"),
        ("unit", "f4"),
        ("wrists", "f4", (2, 2)),
    ]
)
"""`wrists` are from between the shoulders and `unit` is the length of the torso, both in frame heights; `facing` and the like
are places in their tuples; `speed` is that of all joints, in body heights a second. NaN where a thing is not known."""

Readings = NDArray[np.void]
"""Shape [n] of `READING`."""


def read(
    body: Body | None, *, time_s: float, end_s: float, score: float, before: tuple[float, NDArray[np.float64]] | None
) -> Readings:
    """One reading, shape [1].

    Args:
        body: None where nothing gives a scale.
        time_s: Of the picture.
        end_s: How long it stands for the clip.
        score: Of the person.
        before: Time of the picture before, and the body's points in it.
    """
    row = np.zeros(1, READING)
    for name in ("speed", "lean_degrees", "openness", "unit", "wrists"):
        row[name] = np.nan
    row["time_s"], row["end_s"], row["score"] = time_s, end_s, score
    if body is None:
        return row
    faces, rule = facing(body)
    open_by = openness(body, towards_camera=faces == "camera") if faces in {"camera", "away"} else float("nan")
    row["facing"], row["facing_rule"] = FACINGS.index(faces), FACING_RULES.index(rule)
    row["hold"] = HOLDS.index(hold(body, open_by, from_side=faces in {"left", "right"}))
    row["has_hands"] = not np.isnan(body.hands).all()
    row["lean_degrees"], row["openness"] = body.lean_degrees, open_by
    row["wrists"], row["unit"] = body.points[list(WRISTS)] - body.shoulders, body.unit
    if before is not None and time_s > before[0]:
        moved = np.linalg.norm(body.points - before[1], axis=1)
        if not np.isnan(moved).all():
            row["speed"] = float(np.nanmean(moved)) / (BODY_OF_TORSO * body.unit) / (time_s - before[0])
    return row
