from __future__ import annotations

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzerResult, Metadata, Problem, Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import ColorShare, Score
from reelscope.analysis.v1.media_pb2 import AudioStream, MediaInfo, VideoStream
from reelscope.audio.v1.details_pb2 import AudioEventSummary, AudioSummary
from reelscope.speech.v1.details_pb2 import TranscriptSummary, UtteranceDetail
from reelscope.temporal.v1.details_pb2 import DescriptionSummary
from reelscope.vision.v1.details_pb2 import (
    ActionCount,
    AgeSummary,
    BackgroundSummary,
    ColorSummary,
    CutDetail,
    CutSummary,
    EffectCount,
    EffectSummary,
    FaceEmotionSummary,
    GazeSummary,
    HandSummary,
    ObjectLabelSummary,
    ObjectSummary,
    PoseSummary,
    QualitySummary,
    TextSummary,
)
from reelscope_cli.analyze.findings import _TEXTS, LONGEST, clock, finding_text
from reelscope_cli.analyze.summary import SHOWN_TEXT, failures, summary_lines


def result(summary: Summary, *segments: Segment) -> AnalyzerResult:
    return AnalyzerResult(status="succeeded", summary=summary, segments=segments)


def full() -> AnalysisDocument:
    media = MediaInfo(
        duration_s=20.4,
        video=VideoStream(codec="h264", width=720, height=1280, frame_rate=30),
        audio=AudioStream(codec="aac", sample_rate=48000),
    )
    palette = [ColorShare(hex="#ff8000", share=0.25, name="orange")]
    return AnalysisDocument(
        metadata=Metadata(media=media, reconstruction_score=97.5, processing_time_seconds=10.2, realtime_factor=0.5),
        analyzer_results={
            "cut_analysis": result(
                Summary(cut=CutSummary(cut_count=2, shot_count=3, mean_shot_s=6.8, rhythm="very_fast")),
                Segment(start_s=3.6, end_s=3.6, cut=CutDetail(kind="hard", time_s=3.6)),
                Segment(start_s=62.0, end_s=63.0, cut=CutDetail(kind="dissolve", time_s=62.04)),
            ),
            "object_detection": result(
                Summary(
                    object=ObjectSummary(
                        labels=[
                            ObjectLabelSummary(label="cat", max_simultaneous=1, screen_time_s=3.1),
                            ObjectLabelSummary(label="person", max_simultaneous=2, screen_time_s=12),
                        ]
                    )
                )
            ),
            "text_overlay": result(Summary(text=TextSummary(texts=["LAUNCH\nDAY", "GO"]))),
            "speech_transcription": result(Summary(utterance=TranscriptSummary(text=" Hello \n there. ", language="en"))),
            "audio_analysis": result(
                Summary(audio=AudioSummary(integrated_lufs=-16.14, true_peak_dbtp=-2.9, tempo_bpm=100.2, key="D major"))
            ),
            "audio_environment": result(
                Summary(
                    audio_event=AudioEventSummary(
                        top_classes=[Score(label="Speech", score=0.8), Score(label="Owl", score=0.01)]
                    )
                )
            ),
            "color_analysis": result(Summary(color=ColorSummary(palette=palette, temperature="warm", grade="vivid"))),
            "visual_effects": result(
                Summary(
                    effect=EffectSummary(effects=[EffectCount(kind="fade_in", count=2), EffectCount(kind="freeze", count=1)])
                )
            ),
            "age_estimation": result(
                Summary(age=AgeSummary(groups=[Score(label="20-29", score=1)], youngest_years=24.4, oldest_years=31.6))
            ),
            "face_emotion": result(Summary(emotion=FaceEmotionSummary(shares=[Score(label="happy", score=0.9)]))),
            "eye_tracking": result(
                Summary(gaze=GazeSummary(looking_at_camera_share=0.8, blink_count=1, eyes_visible_share=0.9))
            ),
            "person_pose": result(
                Summary(
                    pose=PoseSummary(
                        posture_shares=[Score(label="standing", score=0.7), Score(label="unknown", score=0.3)],
                        actions=[ActionCount(name="arms_up", repetitions=2)],
                    )
                )
            ),
            "background_segmentation": result(Summary(background=BackgroundSummary(dominant_kind="green_screen"))),
            "hand_gesture": result(
                Summary(hand=HandSummary(gesture_shares=[Score(label="open_palm", score=0.6), Score(label="none", score=0.4)]))
            ),
            "content_quality": result(Summary(quality=QualitySummary(overall=71.6))),
            "qwen2_vl_temporal": result(Summary(description=DescriptionSummary(text="A cup. A cat."))),
            "face_detection": AnalyzerResult(status="not_applicable"),
            "body_pose": AnalyzerResult(status="failed", problem=Problem(reason="it broke")),
        },
    )


def test_the_summary_tells_what_was_found_in_order() -> None:
    assert summary_lines(full()) == [
        ("clip", "20.4 s · 720x1280, 30 fps, h264 · aac 48 kHz"),
        ("story", "A cup. A cat."),
        ("shots", "3 (2 cuts, very fast, 6.8 s on average)"),
        ("cuts", "0:03.6 hard, 1:02.0 dissolve"),
        ("objects", "person x2 (12.0 s), cat (3.1 s)"),
        ("ages", "about 24 to 32"),
        ("expressions", "happy 90%"),
        ("eyes", "on the camera 80% of the time, 1 blink"),
        ("bodies", "arms up x2, standing 70%"),
        ("hands", "open palm 60%"),
        ("effects", "fade in x2, freeze"),
        ("background", "green screen"),
        ("on screen", "“LAUNCH DAY”, “GO”"),
        ("said", "(en) Hello there."),
        ("loudness", "-16.1 LUFS, peak -2.9 dBTP, 100 BPM, D major"),
        ("sounds", "Speech 80%"),
        ("palette", "#ff8000 orange 25% (warm, vivid)"),
        ("picture", "72 of 100"),
        ("analyzers", "16 succeeded, 1 not applicable, 1 failed"),
        ("score", "97.5 of 100"),
        ("time", "10.2 s, 0.50x the clip's length"),
    ]
    assert list(failures(full())) == [("body_pose", "failed: it broke")]


def test_an_empty_document_has_a_summary() -> None:
    assert [label for label, _ in summary_lines(AnalysisDocument())] == ["clip", "analyzers", "score", "time"]


def test_a_picture_has_neither_length_nor_rate() -> None:
    media = MediaInfo(
        container="png_pipe", duration_s=0.04, video=VideoStream(width=640, height=480, frame_rate=25, codec="png")
    )
    lines = dict(
        summary_lines(AnalysisDocument(metadata=Metadata(media=media, processing_time_seconds=1.5, realtime_factor=37.5)))
    )
    assert (lines["clip"], lines["time"]) == ("a picture · 640x480, png", "1.5 s")


def test_digital_silence_is_said() -> None:
    document = AnalysisDocument(analyzer_results={"a": result(Summary(audio=AudioSummary(digital_silence=True)))})
    assert ("loudness", "digital silence") in summary_lines(document)


def test_long_texts_are_cut() -> None:
    transcript = TranscriptSummary(text="word " * 1000, language="en")
    document = AnalysisDocument(analyzer_results={"a": result(Summary(utterance=transcript))})
    assert len(dict(summary_lines(document))["said"]) == SHOWN_TEXT + len("(en) ")


def test_every_detail_of_the_contract_can_be_told() -> None:
    details = [field.name for field in Segment.DESCRIPTOR.oneofs_by_name["detail"].fields]
    assert sorted(_TEXTS) == sorted(details)
    for name in details:
        segment = Segment()
        getattr(segment, name).SetInParent()
        assert isinstance(finding_text(segment), str)


def test_findings_fit_a_line() -> None:
    text = finding_text(Segment(utterance=UtteranceDetail(text="a\nb " * 100)))
    assert len(text) == LONGEST
    assert "\n" not in text
    assert finding_text(Segment()) == "finding"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.0"), (3.64, "0:03.6"), (59.96, "1:00.0"), (3661, "61:01.0")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
