"""What is measured once and shared by the analyzers."""

from reelscope_runtime.engine.node import Feature
from reelscope_vision.features.backdrop import Backdrops
from reelscope_vision.features.face_emotions import FaceEmotionsFeature
from reelscope_vision.features.face_tracks import FaceTracks
from reelscope_vision.features.face_traits import FaceTraitsFeature
from reelscope_vision.features.faces import Faces
from reelscope_vision.features.flow import FlowFeature
from reelscope_vision.features.frame_measures import FrameMeasuresFeature
from reelscope_vision.features.hand_tracks import HandTracks
from reelscope_vision.features.hands import Hands
from reelscope_vision.features.looks import Looks
from reelscope_vision.features.objects import Objects
from reelscope_vision.features.people import PeopleFeature
from reelscope_vision.features.person_mask import PersonMasks
from reelscope_vision.features.person_tracks import PersonTracks
from reelscope_vision.features.persons import Persons
from reelscope_vision.features.picture_layout import PictureLayouts
from reelscope_vision.features.picture_quality import PictureQualities
from reelscope_vision.features.shots import Shots
from reelscope_vision.features.subjects import SubjectsFeature
from reelscope_vision.features.text_lines import TextLines

FEATURES: tuple[type[Feature], ...] = (
    Shots,
    Objects,
    Faces,
    FaceTracks,
    FaceTraitsFeature,
    FaceEmotionsFeature,
    PeopleFeature,
    Persons,
    PersonTracks,
    PersonMasks,
    FlowFeature,
    PictureQualities,
    Backdrops,
    TextLines,
    FrameMeasuresFeature,
    Hands,
    HandTracks,
    Looks,
    PictureLayouts,
    SubjectsFeature,
)

__all__ = ["FEATURES"]
