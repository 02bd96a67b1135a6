"""The Hugging Face hub, as far as models are fetched from it. The client library is optional and imported when used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from reelscope_runtime.errors import ModelUnavailableError

_COMMIT = re.compile(r"[0-9a-f]{40}")


class Hub(Protocol):
    """Where files of repositories come from."""

    def commit(self, repo: str, revision: str) -> str:
        """The commit that a branch, tag or commit stands for."""

    def download(self, repo: str, commit: str, path: str, into: Path) -> Path:
        """Downloads one file below `into`, at its path; returns where it lies."""


class HuggingFaceHub:
    """The hub itself, by `huggingface_hub`.

    Args:
        endpoint: Base address; None: the library's own, which `HF_ENDPOINT` sets (mirrors).
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def commit(self, repo: str, revision: str) -> str:
        """The commit that a revision stands for; a full commit is taken as it is.

        Raises:
            ModelUnavailableError: The library is missing, or the hub does not answer or does not know it.
        """
        if _COMMIT.fullmatch(revision):
            return revision
        try:
            from huggingface_hub import HfApi  # noqa: PLC0415 - optional dependency
            from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
        except ImportError as error:
            raise _missing(error) from error
        try:
            sha = HfApi(endpoint=self._endpoint).model_info(repo, revision=revision).sha
        except (HfHubHTTPError, OSError, ValueError) as error:
            raise _failed(repo, revision, error) from error
        if sha is None:
            raise ModelUnavailableError(f"the hub names no commit for {repo} at {revision!r}; give a commit in the manifest")
        return sha

    def download(self, repo: str, commit: str, path: str, into: Path) -> Path:
        """Downloads one file.

        Raises:
            ModelUnavailableError: The library is missing, or the hub does not answer or does not have the file.
        """
        try:
            from huggingface_hub import hf_hub_download  # noqa: PLC0415 - optional dependency
            from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
        except ImportError as error:
            raise _missing(error) from error
        try:
            found = hf_hub_download(repo, path, revision=commit, local_dir=into, endpoint=self._endpoint)
        except (HfHubHTTPError, OSError, ValueError) as error:
            raise _failed(f"{repo}/{path}", commit, error) from error
        return Path(str(found))


def _missing(error: ImportError) -> ModelUnavailableError:
    return ModelUnavailableError(f"fetching from the hub needs huggingface_hub ({error}): pip install huggingface_hub")


def _failed(what: str, revision: str, error: Exception) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"cannot fetch {what} at {revision} from the hub: {error}. Without a network, copy the files into the models "
        "folder by hand",
        retryable=True,
    )
