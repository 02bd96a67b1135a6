"""The bundled face networks, and pictures to try them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from reelscope_lite_models import weights_path

MEDIA = Path(__file__).resolve().parents[3].parent / "shared" / "media"
Picture = NDArray[np.uint8]


class Net:
    """What nodes use of the pool's wrapper."""

    def __init__(self, name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = str(weights_path(name))
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, outputs: list[str] | None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        result: list[NDArray[Any]] = self._session.run(outputs, feeds)
        return result


def picture(name: str, longest: int = 720) -> Picture:
    """A shared picture, RGB, no larger than the frames that faces are looked for in."""
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"no {path}")
    loaded = cv2.imread(str(path))
    assert loaded is not None
    scale = min(1.0, longest / max(loaded.shape[:2]))
    scaled = cv2.resize(loaded, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(scaled[..., ::-1]).astype(np.uint8, copy=False)
