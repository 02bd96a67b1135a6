"""Features that look at the same frames, or at some of them, ask the decoder for them alike."""

from __future__ import annotations

import pytest

from reelscope_runtime.engine.node import Feature
from reelscope_vision.features.backdrop import Backdrops
from reelscope_vision.features.faces import Faces
from reelscope_vision.features.flow import FlowFeature
from reelscope_vision.features.hands import Hands
from reelscope_vision.features.looks import Looks
from reelscope_vision.features.objects import Objects
from reelscope_vision.features.person_mask import PersonMasks
from reelscope_vision.features.persons import Persons
from reelscope_vision.features.picture_layout import PictureLayouts


def fps(kind: type[Feature]) -> float:
    assert kind.frames is not None
    assert kind.frames.fps is not None
    return kind.frames.fps


def test_hands_are_looked_for_where_persons_are() -> None:
    assert Hands.frames == Persons.frames, "a hand's frame waits for the persons of the same frame"


def test_a_backdrop_has_a_mask_and_objects_of_its_frame() -> None:
    assert Backdrops.frames == PersonMasks.frames
    assert fps(Objects) == fps(Backdrops)


@pytest.mark.parametrize("kind", [Backdrops, FlowFeature, Hands, Looks, Objects, PersonMasks, Persons, PictureLayouts])
def test_what_is_sampled_are_frames_that_faces_are_seen_in(kind: type[Feature]) -> None:
    assert fps(Faces) % fps(kind) == 0, "else the decoder would scale frames more for a few"
