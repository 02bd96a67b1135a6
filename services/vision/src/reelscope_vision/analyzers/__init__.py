"""Analyzers of the vision service."""

from reelscope_runtime.engine.node import Analyzer
from reelscope_vision.analyzers.age_estimation import AgeEstimation
from reelscope_vision.analyzers.background_segmentation import BackgroundSegmentation
from reelscope_vision.analyzers.body_language import BodyLanguage
from reelscope_vision.analyzers.body_pose import BodyPose
from reelscope_vision.analyzers.camera_analysis import CameraAnalysis
from reelscope_vision.analyzers.color_analysis import ColorAnalysis
from reelscope_vision.analyzers.composition_analysis import CompositionAnalysis
from reelscope_vision.analyzers.content_quality import ContentQuality
from reelscope_vision.analyzers.cut_analysis import CutAnalysis
from reelscope_vision.analyzers.eye_tracking import EyeTracking
from reelscope_vision.analyzers.face_detection import FaceDetection
from reelscope_vision.analyzers.face_emotion import FaceEmotion
from reelscope_vision.analyzers.hand_gesture import HandGesture
from reelscope_vision.analyzers.object_detection import ObjectDetection
from reelscope_vision.analyzers.scene_segmentation import SceneSegmentation
from reelscope_vision.analyzers.text_overlay import TextOverlay
from reelscope_vision.analyzers.visual_effects import VisualEffects

ANALYZERS: tuple[type[Analyzer], ...] = (
    CutAnalysis,
    ObjectDetection,
    ColorAnalysis,
    FaceDetection,
    AgeEstimation,
    EyeTracking,
    FaceEmotion,
    BodyPose,
    CameraAnalysis,
    TextOverlay,
    VisualEffects,
    HandGesture,
    SceneSegmentation,
    BodyLanguage,
    ContentQuality,
    BackgroundSegmentation,
    CompositionAnalysis,
)

__all__ = ["ANALYZERS"]
