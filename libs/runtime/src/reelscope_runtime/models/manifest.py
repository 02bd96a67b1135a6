"""A service's `models.toml`: which models it has, where their bytes come from and which bytes they must be.

A manifest is data that ships inside the service's package. Reading it imports neither the service nor a compute library.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from reelscope_runtime.errors import InternalError, InvalidRequestError, ModelUnavailableError
from reelscope_runtime.models.packages import package_folder
from reelscope_runtime.settings import Profile

MANIFEST_FILE = "models.toml"

# Formats that cannot carry code, and the text files that go with them. Everything else is refused.
_SAFE_SUFFIXES = frozenset({".onnx", ".safetensors", ".json", ".txt", ".csv"})
_PICKLE_SUFFIXES = frozenset({".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack"})
_WEIGHT_SUFFIXES = frozenset({".onnx", ".safetensors", ".bin"})
# CTranslate2 writes its own flat binary under this name; it is no pickle.
_CTRANSLATE2_FILE = "model.bin"
_CTRANSLATE2_LOADER = "faster_whisper"


class ManifestError(InternalError):
    """A manifest that ships with the code is wrong."""

    code = "bad_manifest"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _relative(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        msg = f"{path!r} must be a relative path without '..'"
        raise ValueError(msg)
    return path


class ModelFile(_Frozen):
    """One file of a model.

    Attributes:
        path: Relative to the model's folder, with forward slashes.
        sha256: Lower-case hex; empty: not pinned yet, and therefore not loaded before `reelscope models fetch --pin`.
        size_bytes: 0: not known.
    """

    path: str
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")
    size_bytes: int = Field(0, ge=0)

    @field_validator("path")
    @classmethod
    def _path_is_relative(cls, path: str) -> str:
        return _relative(path)

    @property
    def is_weight(self) -> bool:
        """Whether it holds weights rather than a configuration or labels."""
        return PurePosixPath(self.path).suffix in _WEIGHT_SUFFIXES


class FolderSource(_Frozen):
    """`settings.models.folder/<name>/`, filled by `reelscope models fetch` or by hand."""

    kind: Literal["folder"]


class PackageSource(_Frozen):
    """A folder inside an installed Python package.

    Attributes:
        package: Import name.
        path: Folder inside the package; empty: the package's own.
    """

    kind: Literal["package"]
    package: str
    path: str = ""


class Piece(_Frozen):
    """A file inside an installed package that is a model file, or a part of one.

    Attributes:
        file: The model file that it goes into; pieces of one file are joined in the manifest's order.
        package: Import name.
        path: Path inside the package.
    """

    file: str
    package: str
    path: str


class PartsSource(_Frozen):
    """Files in installed packages that are joined into `settings.models.folder/<name>/` at first use; no download."""

    kind: Literal["parts"]
    pieces: tuple[Piece, ...] = Field(min_length=1)


class HubSource(_Frozen):
    """A Hugging Face repository.

    Attributes:
        repo: `owner/name`.
        revision: Commit (40 hex digits), or a branch or tag, whose commit is then recorded with the pin.
    """

    kind: Literal["hub"]
    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(min_length=1)


Source = Annotated[FolderSource | PackageSource | PartsSource | HubSource, Field(discriminator="kind")]


class ModelEntry(_Frozen):
    """One model.

    Attributes:
        name: Unique in the manifest, and the folder's name.
        task: What nodes ask for, e.g. "object_detection".
        profiles: The profiles that it is the default of; none: only by override.
        licence: SPDX expression of the weights.
        revision: Version or commit of the weights.
        memory_mb: Memory that it takes while loaded and running, as measured or estimated; what the budget counts.
        makes_room: Whether what others have freed goes back to the system before each run: for a network that runs seldom, and
            takes much for a moment.
        loader: Which loader turns the files into an object: "onnx", "faster_whisper", "transformers" …
        files: Every file that is loaded, no other.
        sources: Where to look for them, in order.
        note: For people: what to know about it, e.g. how to make the file that nobody publishes.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    task: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    profiles: tuple[Profile, ...] = ()
    licence: str = Field(min_length=1)
    revision: str = Field(min_length=1)
    memory_mb: int = Field(gt=0)
    makes_room: bool = False
    loader: str = Field(min_length=1)
    files: tuple[ModelFile, ...] = Field(min_length=1)
    sources: tuple[Source, ...] = Field(min_length=1)
    note: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        paths = [file.path for file in self.files]
        problem = next(filter(None, (_format_problem(path, self.loader) for path in paths)), "")
        if not problem and len(set(paths)) < len(paths):
            problem = "a file is listed twice"
        if not problem and not any(file.is_weight for file in self.files):
            problem = "no file holds weights (.onnx, .safetensors, CTranslate2 model.bin)"
        joined = {piece.file for source in self.sources if isinstance(source, PartsSource) for piece in source.pieces}
        if not problem and joined and joined != set(paths):
            problem = f"its parts give {sorted(joined)} but its files are {sorted(paths)}"
        if problem:
            raise ValueError(problem)
        return self

    @property
    def is_single_file(self) -> bool:
        """Whether it is located as a file rather than as a folder."""
        return len(self.files) == 1

    @property
    def is_pinned(self) -> bool:
        """Whether the manifest itself knows the sha256 of every file."""
        return all(file.sha256 for file in self.files)


def _format_problem(path: str, loader: str) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _SAFE_SUFFIXES or (PurePosixPath(path).name == _CTRANSLATE2_FILE and loader == _CTRANSLATE2_LOADER):
        return ""
    if suffix in _PICKLE_SUFFIXES:
        return (
            f"file {path!r} may be a pickle, which runs code when it is loaded; only safetensors or ONNX weights are accepted"
        )
    return f"file {path!r} has a format that is not known to be safe; accepted are {', '.join(sorted(_SAFE_SUFFIXES))}"


class Manifest:
    """The models of one service.

    Args:
        entries: In the file's order.
        origin: Where they were read, for error texts.

    Raises:
        ManifestError: Two models of one name, or two defaults of one task in one profile.
    """

    def __init__(self, entries: tuple[ModelEntry, ...], origin: str = "manifest") -> None:
        self.entries = entries
        self.origin = origin
        self._by_name: dict[str, ModelEntry] = {}
        self._defaults: dict[tuple[str, str], ModelEntry] = {}
        for entry in entries:
            if entry.name in self._by_name:
                raise ManifestError(f"{origin}: two models are called {entry.name!r}")
            self._by_name[entry.name] = entry
            for profile in entry.profiles:
                other = self._defaults.setdefault((entry.task, profile), entry)
                if other is not entry:
                    raise ManifestError(
                        f"{origin}: {other.name!r} and {entry.name!r} both claim task {entry.task!r} in profile {profile!r}"
                    )

    @classmethod
    def load(cls, package: str) -> Manifest:
        """Reads `models.toml` of an installed package without importing it.

        Args:
            package: Import name, e.g. "reelscope_vision".

        Raises:
            ManifestError: No such package or file, or an entry is wrong; the text names the entry.
        """
        folder = package_folder(package)
        if folder is None:
            raise ManifestError(f"cannot read the models of {package!r}: no such package is installed")
        path = folder / MANIFEST_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ManifestError(f"cannot read the models of {package!r}: {error}") from error
        return cls.parse(text, origin=f"{package}/{MANIFEST_FILE}")

    @classmethod
    def parse(cls, text: str, origin: str = "manifest") -> Manifest:
        """Reads a manifest from TOML text: an array of tables `[[model]]`.

        Raises:
            ManifestError: Bad TOML, or an entry is wrong; the text names the entry and the field.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ManifestError(f"{origin}: not valid TOML: {error}") from error
        tables = document.get("model")
        if set(document) != {"model"} or not isinstance(tables, list):
            raise ManifestError(f"{origin}: expected [[model]] tables and nothing else, found {sorted(document)}")
        return cls(tuple(_entry(table, position, origin) for position, table in enumerate(tables)), origin)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task, in the file's order."""
        return tuple(dict.fromkeys(entry.task for entry in self.entries))

    def get(self, name: str) -> ModelEntry:
        """The model of a name.

        Raises:
            InvalidRequestError: No model has it; the text lists those there are.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise InvalidRequestError(
                f"no model is called {name!r} in {self.origin}; there are {', '.join(sorted(self._by_name))}"
            ) from None

    def resolve(
        self, wanted: str, *, profile: Profile, overrides: Mapping[str, str] | None = None, analyzer: str = ""
    ) -> ModelEntry:
        """The model that serves a task.

        Args:
            wanted: A task, or a model's name, which is taken as it is.
            profile: Whose default holds where nothing overrides it.
            overrides: Task or analyzer name to model name. One by task wins over one by analyzer; one by analyzer holds
                for those of its tasks that the model serves.
            analyzer: Who asks, for overrides by analyzer.

        Raises:
            InvalidRequestError: An override names a model that is not there, or that serves another task.
            ModelUnavailableError: No such task or name, or the profile has no default for it.
        """
        if wanted in self._by_name and wanted not in self.tasks:
            return self._by_name[wanted]
        chosen = self._overridden(wanted, overrides or {}, analyzer)
        if chosen is not None:
            return chosen
        default = self._defaults.get((wanted, profile))
        if default is not None:
            return default
        candidates = [entry.name for entry in self.entries if entry.task == wanted]
        if not candidates:
            raise ModelUnavailableError(f"{self.origin} has no model or task {wanted!r}; tasks are {', '.join(self.tasks)}")
        raise ModelUnavailableError(
            f"profile {profile!r} has no model for {wanted!r}; choose another profile, or set "
            f'REELSCOPE_MODELS__OVERRIDES=\'{{"{wanted}": "{candidates[0]}"}}\' (there are {", ".join(candidates)})'
        )

    def _overridden(self, task: str, overrides: Mapping[str, str], analyzer: str) -> ModelEntry | None:
        if name := overrides.get(task):
            entry = self.get(name)
            if entry.task != task:
                raise InvalidRequestError(f"model {name!r} serves {entry.task!r}, not {task!r}: correct the override")
            return entry
        if name := overrides.get(analyzer):
            entry = self.get(name)
            return entry if entry.task == task else None
        return None


def _entry(table: object, position: int, origin: str) -> ModelEntry:
    name = table.get("name", "?") if isinstance(table, dict) else "?"
    try:
        return ModelEntry.model_validate(table)
    except ValidationError as error:
        details = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'entry'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise ManifestError(f"{origin}: model {name!r} (number {position + 1}): {details}") from error
