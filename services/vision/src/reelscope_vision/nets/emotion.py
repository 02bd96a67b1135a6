"""Two small networks for the seven basic emotions; the mean of both is better than either.

Sources: Arriaga et al., Real-time Convolutional Neural Networks for Emotion and Gender Classification, 2017 (mini-Xception);
the expression network of face-api.js.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

EMOTIONS: Final = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""Order of the probabilities that these functions give: that of the contract."""

_FACE_API_ORDER: Final = ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
_XCEPTION_ORDER: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_FACE_API = (112, 1.1)
_XCEPTION = (64, 1.0)
"""Side of the input, and how many times as large as the face it is."""


def face_api(model: Any, crop: Image, crop_margin: float) -> NDArray[np.float64]:  # noqa: ANN401 - the pool's wrapper
    """Probabilities [7] by face-api.js's network.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        crop: Upright face, square, RGB.
        crop_margin: How many times as large as the face the crop is.
    """
    size, margin = _FACE_API
    picture = _middle(crop, margin / crop_margin, size).astype(np.float32).transpose(2, 0, 1)
    return _ordered(_only(model, picture[None]), _FACE_API_ORDER)


def mini_xception(model: Any, crop: Image, crop_margin: float) -> NDArray[np.float64]:  # noqa: ANN401 - the pool's wrapper
    """Probabilities [7] by mini-Xception; arguments as for `face_api`."""
    size, margin = _XCEPTION
    gray = cv2.cvtColor(_middle(crop, margin / crop_margin, size), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return _ordered(_only(model, ((gray / 255.0 - 0.5) * 2.0)[None, ..., None]), _XCEPTION_ORDER)


def _only(model: Any, picture: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: ANN401 - the pool's wrapper
    """The network's one output for its one input."""
    output: NDArray[np.float64] = model(picture)[0].reshape(-1).astype(np.float64)
    return output


def _middle(crop: Image, share: float, size: int) -> Image:
    """The middle of a square picture, scaled."""
    side = crop.shape[0]
    edge = round(side * (1 - share) / 2)
    return cv2.resize(crop[edge : side - edge, edge : side - edge], (size, size), interpolation=cv2.INTER_AREA).astype(
        np.uint8, copy=False
    )


def _ordered(values: NDArray[np.float64], order: tuple[str, ...]) -> NDArray[np.float64]:
    return values[[order.index(emotion) for emotion in EMOTIONS]]
