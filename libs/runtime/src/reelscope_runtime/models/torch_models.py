"""The "transformers" loaders: PyTorch models of Hugging Face's library, for the standard and full profiles.

The libraries are an extra of each service (`pip install 'reelscope-audio[standard]'`) and are imported when a model is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.pool import LoadRequest


@dataclass(slots=True)
class LoadedTransformer:
    """A loaded model with its feature extractor.

    Attributes:
        model: The `transformers` model, in evaluation mode, on its device.
        extractor: The feature extractor of the same folder.
        labels: Names of its outputs, in order.
        device: "cpu" or "cuda:N".
    """

    model: Any
    extractor: Any
    labels: tuple[str, ...]
    device: str

    @property
    def is_fast(self) -> bool:
        """Whether several inputs at once cost little more than one."""
        return self.device != "cpu"

    def logits(self, **inputs: Any) -> Any:  # noqa: ANN401 - tensors of a library that may not be installed
        """Runs the model on tensors; gives its logits as a NumPy array."""
        torch: Any = import_module("torch")
        with torch.inference_mode():
            moved = {name: tensor.to(self.device) for name, tensor in inputs.items()}
            return self.model(**moved).logits.float().cpu().numpy()

    def close(self) -> None:
        """Gives its memory back."""
        self.model = self.extractor = None
        if self.device != "cpu":
            torch: Any = import_module("torch")
            torch.cuda.empty_cache()


def load_transformer(request: LoadRequest, *, model_class: str, extractor_class: str, extra: str) -> LoadedTransformer:
    """Loads a classifier of sound from the verified files of its folder: safetensors only, no code of the repository's.

    Args:
        request: The model's folder, device and threads.
        model_class: Name in `transformers`.
        extractor_class: Name in `transformers`.
        extra: What to install where the libraries are missing, e.g. "reelscope-audio[standard]".

    Raises:
        ModelUnavailableError: The libraries are missing, or refuse the files or the device.
    """
    try:
        torch: Any = import_module("torch")
        transformers: Any = import_module("transformers")
    except ImportError as error:
        raise ModelUnavailableError(
            f"model {request.entry.name!r} needs torch and transformers ({error}): pip install '{extra}'"
        ) from error
    device = _device(torch, request)
    torch.set_num_threads(request.threads)
    try:
        model = getattr(transformers, model_class).from_pretrained(
            request.path, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        extractor = getattr(transformers, extractor_class).from_pretrained(request.path, local_files_only=True)
        model = model.eval().to(device)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelUnavailableError(
            f"transformers cannot load model {request.entry.name!r} from {request.path} on {device}: {error}"
        ) from error
    names = model.config.id2label
    return LoadedTransformer(model, extractor, tuple(str(names[index]) for index in range(len(names))), device)


def _device(torch: Any, request: LoadRequest) -> str:  # noqa: ANN401 - a library that may not be installed
    kind, _, number = request.device.partition(":")
    has_cuda = bool(torch.cuda.is_available())
    if kind == "auto":
        kind = "cuda" if has_cuda else "cpu"
    if kind == "cpu":
        return "cpu"
    if not has_cuda:
        raise ModelUnavailableError(
            f"model {request.entry.name!r} was to run on {request.device}, but torch finds no CUDA device; set "
            "REELSCOPE_MODELS__DEVICE=cpu"
        )
    return f"cuda:{number or 0}"
