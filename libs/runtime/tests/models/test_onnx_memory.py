"""A network that takes much for a moment gets what others have freed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reelscope_runtime.models import onnx


@pytest.mark.parametrize(("makes_room", "done"), [(True, ["freed", "ran"]), (False, ["ran"])])
def test_free_memory_goes_back_before_a_run_that_asks_for_it(
    makes_room: bool, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(onnx, "release_free", lambda: calls.append("freed"))
    session = SimpleNamespace(
        get_inputs=list,
        get_outputs=list,
        get_modelmeta=lambda: SimpleNamespace(custom_metadata_map={}),
        run=lambda *_: calls.append("ran"),
    )
    onnx.OnnxModel(session, "cpu", {}, makes_room=makes_room).run(None, {})
    assert calls == done
