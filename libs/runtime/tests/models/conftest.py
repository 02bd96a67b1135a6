"""Manifests, stores and pools of tests; the weights are the real ones of the lite profile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from reelscope_runtime.models import Manifest, ModelStore
from reelscope_runtime.settings import ModelSettings

_LITE_MODELS = Path(__file__).parents[3] / "lite_models" / "src"

EntryText = Callable[..., str]


@pytest.fixture
def weights() -> Path:
    """The folder of bundled ONNX files."""
    return _LITE_MODELS / "reelscope_lite_models" / "weights"


@pytest.fixture
def lite_package(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes sure that the bundled weights can be found as an installed package."""
    monkeypatch.syspath_prepend(_LITE_MODELS)
    return _LITE_MODELS


@pytest.fixture
def entry_text() -> EntryText:
    """Writes one `[[model]]` table; every field has a sensible value unless it is given."""

    def write(**fields: str) -> str:
        values = {
            "name": '"net"',
            "task": '"seeing"',
            "profiles": '["lite"]',
            "licence": '"MIT"',
            "revision": '"1"',
            "memory_mb": "10",
            "loader": '"fake"',
            "files": f'[{{ path = "net.onnx", sha256 = "{hashlib.sha256(b"net").hexdigest()}" }}]',
            "sources": '[{ kind = "folder" }]',
        } | fields
        return "[[model]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())

    return write


@pytest.fixture
def settings(tmp_path: Path) -> ModelSettings:
    return ModelSettings(folder=tmp_path / "models")


@pytest.fixture
def store(entry_text: EntryText, settings: ModelSettings) -> ModelStore:
    """A store of one model "net" of one file, which is there."""
    file = settings.folder / "net" / "net.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"net")
    return ModelStore(Manifest.parse(entry_text()), settings)
