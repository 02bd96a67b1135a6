"""How the models of the speech service are loaded, beside the runtime's own ONNX loader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models import Loader, LoadRequest
from reelscope_runtime.models.torch_models import LoadedTransformer, load_transformer

_COMPUTE_TYPES = {"cpu": "int8", "cuda": "float16"}
"""int8 is 2-4x faster than float32 on a CPU at the same word error rate; float16 is what a GPU's tensor cores take."""

_BATCHES = {"cpu": 1, "cuda": 8}
"""faster-whisper's own default on a GPU. Two cores gain 16 % by 4 windows at once (base, beam 5), which is not worth the
wait for words."""


@dataclass(slots=True)
class LoadedWhisper:
    """A Whisper model and where it runs.

    Attributes:
        model: A `faster_whisper.WhisperModel`.
        device: "cpu" or "cuda:N".
        batch: Windows of speech that are read in one call.
    """

    model: Any
    device: str
    batch: int = 1

    def close(self) -> None:
        """Gives its memory back."""
        self.model.model.unload_model()
        self.model = None


def load_faster_whisper(request: LoadRequest) -> LoadedWhisper:
    """Loads a CTranslate2 Whisper folder.

    Args:
        request: The model's folder, the device ("auto", "cpu" or "cuda:N") and the threads that it may use.

    Raises:
        ModelUnavailableError: CTranslate2 refuses the files or the device.
    """
    import ctranslate2  # noqa: PLC0415 - a service must start, and say what is missing, without its compute library
    from faster_whisper import WhisperModel  # noqa: PLC0415
    from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415

    kind, _, index = request.device.partition(":")
    if kind == "auto":
        kind = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    try:
        model = WhisperModel(
            str(request.path),
            device=kind,
            device_index=int(index or 0),
            compute_type=_COMPUTE_TYPES.get(kind, "default"),
            cpu_threads=request.threads,
            local_files_only=True,
        )
    except (RuntimeError, ValueError) as error:
        raise ModelUnavailableError(
            f"faster-whisper cannot load model {request.entry.name!r} from {request.path} on {request.device}: {error}"
        ) from error
    if model.feature_extractor.mel_filters.shape[0] != model.model.n_mels:
        # Without preprocessor_config.json faster-whisper takes 80 mels; large-v3 and turbo were trained on 128.
        model.feature_extractor = FeatureExtractor(feature_size=model.model.n_mels)
    return LoadedWhisper(model, kind if kind == "cpu" else f"{kind}:{index or 0}", _BATCHES.get(kind, 1))


def load_voice_emotions(request: LoadRequest) -> LoadedTransformer:
    """Loads a wav2vec 2.0 emotion checkpoint's folder.

    Raises:
        ModelUnavailableError: torch or transformers is missing, or refuses it.
    """
    return load_transformer(
        request,
        model_class="Wav2Vec2ForSequenceClassification",
        extractor_class="Wav2Vec2FeatureExtractor",
        extra="reelscope-speech[standard]",
    )


LOADERS: dict[str, Loader] = {"faster_whisper": load_faster_whisper, "transformers": load_voice_emotions}
"""By the name that the manifest calls them."""
