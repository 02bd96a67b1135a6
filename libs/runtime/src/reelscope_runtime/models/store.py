"""Where a model's files are, and that they are the right ones. Nothing that is not verified leaves this module."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.files import Digests, locked, may_carry_code, replacing
from reelscope_runtime.models.hub import Hub, HuggingFaceHub
from reelscope_runtime.models.manifest import HubSource, Manifest, ModelEntry, PackageSource
from reelscope_runtime.models.packages import package_folder
from reelscope_runtime.models.parts import FetchProgress, Progress, installed_parts, join_parts
from reelscope_runtime.models.pins import Pins
from reelscope_runtime.models.remedies import absence, has_hub, remedy, repair
from reelscope_runtime.settings import ModelSettings

State = Literal["available", "missing", "corrupt", "unpinned"]

# What people and clients leave beside weights and no loader reads.
_HARMLESS_SUFFIXES = frozenset({".md", ".lock"})
_SHOWN_FILES = 3


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Whether a model can be loaded.

    Attributes:
        entry: The model.
        state: "available": now, or by joining installed parts at first use; "missing"; "corrupt": files are there but
            are not the manifest's; "unpinned": no hash is known that they could be checked against.
        path: Where it is, if it is available and needs no joining.
        reason: Why it is not available; empty where it is.
        remedy: What to do about it; empty where it is available.
    """

    entry: ModelEntry
    state: State
    path: Path | None = None
    reason: str = ""
    remedy: str = ""

    @property
    def explanation(self) -> str:
        """Reason and remedy in one line; empty where the model is available."""
        return f"model {self.entry.name!r} is {self.state}: {self.reason}; {self.remedy}" if self.reason else ""


def _silent(_: FetchProgress) -> None:
    """Tells nobody."""


class ModelStore:
    """The files of a manifest's models on this machine.

    Args:
        manifest: Which models there are.
        settings: The folder, and whether the hub may be asked when a model is loaded.
        hub: Where hub sources are fetched from.
    """

    def __init__(self, manifest: Manifest, settings: ModelSettings, hub: Hub | None = None) -> None:
        self.manifest = manifest
        self._settings = settings
        self._folder = settings.folder.expanduser().absolute()
        self._hub = hub or HuggingFaceHub()
        self._digests = Digests(self._folder)
        self._pins = Pins(self._folder)

    def locate(self, entry: ModelEntry) -> Path:
        """Where a model's verified files lie: the file itself where it is only one, else their folder.

        Parts that installed packages hold are joined at the first call. The hub is asked only if the settings are not
        offline and the manifest or a pin knows every hash.

        Raises:
            ModelUnavailableError: Missing, corrupt or unpinned; the text says how to get it.
        """
        status = self.status(entry)
        if status.path is not None:
            return status.path
        needs_joining = status.state == "available"
        if needs_joining or (status.state == "missing" and not self._settings.offline and has_hub(entry)):
            return self.fetch(entry)
        raise ModelUnavailableError(status.explanation)

    def status(self, entry: ModelEntry) -> ModelStatus:
        """Whether a model can be loaded, and if not why and how it can be made to. Changes nothing."""
        own = self._own(entry)
        if missing := [path for path, sha256 in self._expected(entry).items() if not sha256]:
            advice = f"{remedy(entry, own, pin=True)}. --pin trusts what is there this once; later loads are checked against it"
            return ModelStatus(entry, "unpinned", None, f"no sha256 of {_some(missing)} is known", advice)
        for root in self._roots(entry):
            if not _is_complete(entry, root):
                continue
            if problems := self._problems(entry, root):
                return ModelStatus(entry, "corrupt", None, "; ".join(problems), repair(entry, own, root))
            return ModelStatus(entry, "available", root / entry.files[0].path if entry.is_single_file else root)
        if installed_parts(entry) is not None:
            return ModelStatus(entry, "available")
        return ModelStatus(entry, "missing", None, absence(entry, self._roots(entry)), remedy(entry, own))

    def verify(self, entry: ModelEntry) -> list[str]:
        """Reads every file again, whatever the stamps say; what is wrong, in words, or nothing."""
        for root in self._roots(entry):
            if any((root / file.path).is_file() for file in entry.files):
                return self._problems(entry, root, fresh=True)
        explanation = self.status(entry).explanation
        return [explanation] if explanation else []

    def fetch(self, entry: ModelEntry, progress: Progress = _silent, *, pin: bool = False) -> Path:
        """Makes a model available: joins installed parts, or downloads from the hub.

        Atomic: a fetch that breaks off leaves nothing, and two processes do not do it twice.

        Args:
            entry: The model.
            progress: Told as bytes arrive.
            pin: Accepts files whose hash nobody knows and writes their hashes to `pins.toml`, so that later loads are
                checked against them. Hashes that the manifest has are checked in any case.

        Returns:
            The same as `locate`.

        Raises:
            ModelUnavailableError: No source has it, its bytes are wrong, or a hash is unknown and `pin` is not set.
        """
        with locked(self._folder / f".{entry.name}.lock"):
            status = self.status(entry)
            if status.path is not None:
                return status.path
            if status.state == "unpinned" and not pin:
                raise ModelUnavailableError(status.explanation)
            try:
                self._materialise(entry, progress, status)
            except OSError as error:
                raise ModelUnavailableError(f"cannot store model {entry.name!r} in {self._folder}: {error}") from error
            status = self.status(entry)
            if status.path is None:
                raise ModelUnavailableError(status.explanation)
            return status.path

    def revision(self, entry: ModelEntry) -> str:
        """The commit that was pinned, else the manifest's revision."""
        pin = None if entry.is_pinned else self._pins.get(entry)
        return pin.revision if pin is not None else entry.revision

    def sha256(self, entry: ModelEntry) -> str:
        """What identifies the weights: the hash of the file of weights; of several, the hash of their hashes in order."""
        expected = self._expected(entry)
        hashes = [expected[file.path] for file in entry.files if file.is_weight]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def _own(self, entry: ModelEntry) -> Path:
        return self._folder / entry.name

    def _expected(self, entry: ModelEntry) -> dict[str, str]:
        pin = None if entry.is_pinned else self._pins.get(entry)
        pinned = pin.files if pin is not None else {}
        return {file.path: file.sha256 or pinned.get(file.path, "") for file in entry.files}

    def _roots(self, entry: ModelEntry) -> Iterator[Path]:
        """Folders where the files may lie, in the order of the sources."""
        own_is_given = False
        for source in entry.sources:
            if isinstance(source, PackageSource):
                folder = package_folder(source.package)
                if folder is not None:
                    yield folder / source.path
            elif not own_is_given:
                own_is_given = True  # fetched and joined files end up there too
                yield self._own(entry)

    def _problems(self, entry: ModelEntry, root: Path, *, fresh: bool = False) -> list[str]:
        problems = []
        sizes = {file.path: file.size_bytes for file in entry.files}
        for path, sha256 in self._expected(entry).items():
            file = root / path
            if not file.is_file():
                problems.append(f"{file} is missing")
            elif not sha256:
                problems.append(f"no sha256 of {path} is known")
            elif sizes[path] and file.stat().st_size != sizes[path]:
                problems.append(f"{file} has {file.stat().st_size} bytes, not {sizes[path]}")
            elif (found := self._digests.of(file, fresh=fresh)) != sha256:
                problems.append(f"{file} has sha256 {found[:12]}…, not {sha256[:12]}…")
        if root == self._own(entry):
            problems += [f"{extra} is not in the manifest and a loader might read it" for extra in _strangers(entry, root)]
        return problems

    def _materialise(self, entry: ModelEntry, progress: Progress, status: ModelStatus) -> None:
        own = self._own(entry)
        hub = next((source for source in entry.sources if isinstance(source, HubSource)), None)
        if status.state == "unpinned" and _is_complete(entry, own):
            digests = {file.path: self._digests.of(own / file.path, fresh=True) for file in entry.files}
            self._accept(entry, own, digests, entry.revision)
        elif (parts := installed_parts(entry)) is not None:
            with replacing(own) as build:
                digests = join_parts(entry, parts, build, progress)
                self._accept(entry, build, digests, entry.revision)
            self._remember(own, digests)
        elif hub is not None:
            with replacing(own) as build:
                digests, commit = self._download(entry, hub, build, progress)
                self._accept(entry, build, digests, commit)
            self._remember(own, digests)
        else:
            raise ModelUnavailableError(status.explanation)

    def _download(self, entry: ModelEntry, source: HubSource, build: Path, progress: Progress) -> tuple[dict[str, str], str]:
        pin = self._pins.get(entry)
        commit = self._hub.commit(source.repo, pin.revision if pin is not None else source.revision)
        digests = {}
        for file in entry.files:
            progress(FetchProgress(entry.name, file.path, 0, file.size_bytes))
            got = self._hub.download(source.repo, commit, file.path, build)
            with got.open("rb") as stream:
                digests[file.path] = hashlib.file_digest(stream, "sha256").hexdigest()
            progress(FetchProgress(entry.name, file.path, got.stat().st_size, file.size_bytes))
        shutil.rmtree(build / ".cache", ignore_errors=True)  # the client's bookkeeping
        return digests, commit

    def _accept(self, entry: ModelEntry, root: Path, digests: Mapping[str, str], revision: str) -> None:
        """Checks what was fetched against what is known, and pins what is not known."""
        expected = self._expected(entry)
        for path, sha256 in expected.items():
            if sha256 and digests[path] != sha256:
                raise ModelUnavailableError(
                    f"{path} of model {entry.name!r} has sha256 {digests[path]}, not {sha256}; it is not used"
                )
        if all(expected.values()):
            return
        for path in expected:
            if may_carry_code(root / path):
                raise ModelUnavailableError(
                    f"{path} of model {entry.name!r} begins like a pickle or a zip archive, whatever its name says; only "
                    "safetensors or ONNX weights are loaded"
                )
        self._pins.put(entry, revision, digests)

    def _remember(self, own: Path, digests: Mapping[str, str]) -> None:
        for path, digest in digests.items():
            self._digests.remember(own / path, digest)


def _some(names: list[str]) -> str:
    shown = names[:_SHOWN_FILES]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _is_complete(entry: ModelEntry, root: Path) -> bool:
    return all((root / file.path).is_file() for file in entry.files)


def _strangers(entry: ModelEntry, root: Path) -> list[Path]:
    """Files in a model's own folder that the manifest does not list."""
    listed = {root / file.path for file in entry.files}
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file()
        and path not in listed
        and path.suffix not in _HARMLESS_SUFFIXES
        and not path.name.upper().startswith(("LICENSE", "NOTICE"))
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
