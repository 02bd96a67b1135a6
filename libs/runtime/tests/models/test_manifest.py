from __future__ import annotations

from collections.abc import Callable

import pytest

from reelscope_lite_models import entries
from reelscope_runtime.errors import InvalidRequestError, ModelUnavailableError
from reelscope_runtime.models import Manifest, ManifestError
from reelscope_runtime.settings import Profile

SERVICES = ("vision", "audio", "speech", "temporal")
PROFILES: tuple[Profile, ...] = ("lite", "standard", "full")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_manifest_that_parses(service: str) -> None:
    manifest = Manifest.load(f"reelscope_{service}")

    assert manifest.entries
    for entry in manifest.entries:
        assert entry.is_pinned or "lite" not in entry.profiles, f"{entry.name} is of the lite profile but not pinned"


@pytest.mark.parametrize("service", SERVICES)
def test_every_task_has_a_default_in_every_profile(service: str) -> None:
    manifest = Manifest.load(f"reelscope_{service}")
    # The lite storyboard uses no language model, and the lite speech_emotion tells arousal by measures only.
    has_none = {("vision_language", "lite"), ("speech_emotion", "lite")}

    for task in manifest.tasks:
        for profile in PROFILES:
            if (task, profile) not in has_none:
                assert manifest.resolve(task, profile=profile).task == task


def test_bundled_files_are_those_of_the_package() -> None:
    bundled = {entry.file: entry for entry in entries()}
    checked = 0
    for service in SERVICES:
        for entry in Manifest.load(f"reelscope_{service}").entries:
            for file in entry.files:
                if file.path in bundled:
                    assert (file.sha256, file.size_bytes) == (bundled[file.path].sha256, bundled[file.path].bytes), file.path
                    checked += 1
    assert checked >= 13


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"files": '[{ path = "net.pt", sha256 = "" }]'}, "may be a pickle"),
        ({"files": '[{ path = "pytorch_model.bin", sha256 = "" }]'}, "may be a pickle"),
        ({"files": '[{ path = "model.bin", sha256 = "" }]', "loader": '"transformers"'}, "may be a pickle"),
        ({"files": '[{ path = "net.pkl", sha256 = "" }]'}, "may be a pickle"),
        ({"files": '[{ path = "modeling.py", sha256 = "" }]'}, "not known to be safe"),
        ({"files": '[{ path = "../net.onnx", sha256 = "" }]'}, "without '..'"),
        ({"files": '[{ path = "/net.onnx", sha256 = "" }]'}, "relative path"),
        ({"files": '[{ path = "config.json", sha256 = "" }]'}, "no file holds weights"),
        ({"files": '[{ path = "net.onnx", sha256 = "abc" }]'}, "files.0.sha256"),
        ({"sources": '[{ kind = "ftp" }]'}, "sources.0"),
        ({"profiles": '["big"]'}, "profiles.0"),
        ({"memory_mb": "0"}, "memory_mb"),
        ({"colour": '"red"'}, "colour"),
        ({"sources": '[{ kind = "parts", pieces = [{ file = "x.onnx", package = "p", path = "x" }] }]'}, "its parts give"),
    ],
)
def test_a_bad_entry_is_named_with_its_fault(entry_text: Callable[..., str], fields: dict[str, str], complaint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(entry_text(**fields), origin="here")

    assert "here: model 'net' (number 1)" in caught.value.reason
    assert complaint in caught.value.reason


def test_the_flat_binary_of_ctranslate2_is_no_pickle(entry_text: Callable[..., str]) -> None:
    text = entry_text(files='[{ path = "model.bin", sha256 = "" }]', loader='"faster_whisper"')

    (file,) = Manifest.parse(text).get("net").files
    assert file.path == "model.bin"
    assert file.is_weight


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("[[model]", "not valid TOML"), ("[model]\nname = 1", r"expected \[\[model\]\]"), ("", r"expected \[\[model\]\]")],
)
def test_text_that_is_no_manifest(text: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        Manifest.parse(text)


def test_a_package_that_is_not_there() -> None:
    with pytest.raises(ManifestError, match="no such package"):
        Manifest.load("reelscope_smell")


def test_two_models_of_one_name_or_one_default(entry_text: Callable[..., str]) -> None:
    with pytest.raises(ManifestError, match="two models are called 'net'"):
        Manifest.parse(entry_text() + entry_text())
    with pytest.raises(ManifestError, match="'net' and 'other' both claim task 'seeing' in profile 'lite'"):
        Manifest.parse(entry_text() + entry_text(name='"other"'))


@pytest.fixture
def two(entry_text: Callable[..., str]) -> Manifest:
    return Manifest.parse(
        entry_text(name='"small"')
        + entry_text(name='"large"', profiles='["full"]')
        + entry_text(name='"ear"', task='"hearing"', profiles='["lite", "full"]')
    )


def test_resolving_takes_the_default_of_the_profile(two: Manifest) -> None:
    assert two.resolve("seeing", profile="lite").name == "small"
    assert two.resolve("seeing", profile="full").name == "large"
    assert two.resolve("large", profile="lite").name == "large"


def test_an_override_holds_for_its_task_or_for_the_tasks_of_its_analyzer(two: Manifest) -> None:
    assert two.resolve("seeing", profile="lite", overrides={"seeing": "large"}).name == "large"
    by_analyzer = {"object_detection": "large"}
    assert two.resolve("seeing", profile="lite", overrides=by_analyzer, analyzer="object_detection").name == "large"
    assert two.resolve("hearing", profile="lite", overrides=by_analyzer, analyzer="object_detection").name == "ear"
    assert two.resolve("seeing", profile="lite", overrides=by_analyzer, analyzer="text_overlay").name == "small"


def test_what_cannot_be_resolved_says_what_there_is(two: Manifest) -> None:
    with pytest.raises(InvalidRequestError, match=r"no model is called 'huge'.*ear, large, small"):
        two.resolve("seeing", profile="lite", overrides={"seeing": "huge"})
    with pytest.raises(InvalidRequestError, match="serves 'hearing', not 'seeing'"):
        two.resolve("seeing", profile="lite", overrides={"seeing": "ear"})
    with pytest.raises(ModelUnavailableError, match="no model or task 'smelling'; tasks are seeing, hearing"):
        two.resolve("smelling", profile="lite")
    with pytest.raises(ModelUnavailableError, match="profile 'standard' has no model for 'seeing'"):
        two.resolve("seeing", profile="standard")
