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
from reelscope_vision.nets.face_mesh import LEFT_CORNERS, LEFT_EYE, LEFT_IRIS, RIGHT_CORNERS, RIGHT_EYE, RIGHT_IRIS, Mesh

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


def framed(shown: Picture, mesh: Mesh, size: tuple[int, int], share: float) -> Picture:
    """The face in the middle of a picture of that width and height, so many picture heights high."""
    width, height = size
    left, top, right, bottom = mesh.box.tolist()
    scale = share * height / (bottom - top)
    matrix = np.array([[scale, 0, width / 2], [0, scale, height / 2]], np.float32)
    matrix[:, 2] -= scale * np.array([left + right, top + bottom]) / 2
    smooth = cv2.GaussianBlur(shown, (0, 0), 0.4 / scale) if scale < 1 else shown
    return cv2.warpAffine(smooth, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def irises_moved(shown: Picture, mesh: Mesh, *, right: float = 0.0, down: float = 0.0) -> Picture:
    """Both irises moved by so many eye widths, by warping the picture; the head stays as it is."""
    points = mesh.points[:, :2]
    y, x = np.mgrid[: shown.shape[0], : shown.shape[1]].astype(np.float32)
    shift = np.zeros_like(x)
    for iris, (outer, inner) in ((RIGHT_IRIS, RIGHT_CORNERS), (LEFT_IRIS, LEFT_CORNERS)):
        eye = float(np.linalg.norm(points[outer] - points[inner]))
        distance = ((x - points[iris, 0]) / (0.45 * eye)) ** 2 + ((y - points[iris, 1]) / (0.3 * eye)) ** 2
        shift += eye * np.exp(-(distance**2)).astype(np.float32)
    return cv2.remap(shown, x - right * shift, y - down * shift, cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def lids_lowered(shown: Picture, mesh: Mesh, closed: float) -> Picture:
    """The skin above both eyes drawn over them, down to the lower lids where `closed` is 1."""
    points = mesh.points[:, :2]
    y, x = np.mgrid[: shown.shape[0], : shown.shape[1]].astype(np.float32)
    source = y.copy()
    for contour in (RIGHT_EYE, LEFT_EYE):
        lower, upper = points[list(contour[:9])], points[[contour[0], *contour[9:], contour[8]]]
        lower, upper = lower[np.argsort(lower[:, 0])], upper[np.argsort(upper[:, 0])]
        eye = float(lower[-1, 0] - lower[0, 0])
        top, bottom = (np.interp(x, lid[:, 0], lid[:, 1]) for lid in (upper, lower))
        lid, brow = top + closed * (bottom + 0.04 * eye - top), top - 0.35 * eye
        covered = (x > lower[0, 0]) & (x < lower[-1, 0]) & (y > brow) & (y < lid)
        stretched = brow + (y - brow) / np.maximum(lid - brow, 1e-3) * (top - 0.06 * eye - brow)
        source = np.where(covered, stretched, source).astype(np.float32)
    return cv2.remap(shown, x, source, cv2.INTER_LINEAR).astype(np.uint8, copy=False)
