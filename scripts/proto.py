"""Generates libs/contracts from protos/: messages, services and their types.

`--check` only compares, and fails on a difference.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGET = ROOT / "libs" / "contracts" / "src"


def generate(out: Path) -> None:
    """Writes the Python package tree into `out`; raises RuntimeError where protoc refuses."""
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    arguments = [
        "protoc",
        f"-I{PROTOS}",
        f"-I{well_known}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        *files,
    ]
    # protoc looks for its plug-ins on PATH; they are installed beside this interpreter.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if protoc.main(arguments) != 0:
        message = "protoc failed; its messages are above"
        raise RuntimeError(message)
    for stub in out.rglob("*_pb2_grpc.py"):  # files without a service get empty gRPC stubs: not worth importing
        if "class " not in stub.read_text():
            stub.unlink()
            stub.with_suffix(".pyi").unlink(missing_ok=True)
    for package in {path.parent for path in out.rglob("*_pb2.py")}:
        (package / "py.typed").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Names of files that are missing on either side or differ, relative to the roots."""
    ignored = {"__pycache__"}

    def listing(root: Path) -> set[Path]:
        return {
            path.relative_to(root)
            for path in root.rglob("*")
            if path.is_file() and not ignored & set(path.parts) and ".egg-info" not in str(path)
        }

    ours, theirs = listing(left), listing(right)
    changed = [name for name in ours & theirs if not filecmp.cmp(left / name, right / name, shallow=False)]
    return sorted(str(name) for name in [*changed, *(ours ^ theirs)])


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        generate(out)
        if check:
            stale = differences(out, TARGET)
            if stale:
                sys.stderr.write("generated code is stale, run `make proto`:\n  " + "\n  ".join(stale) + "\n")
            return 1 if stale else 0
        shutil.rmtree(TARGET / "reelscope", ignore_errors=True)
        shutil.copytree(out, TARGET, dirs_exist_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
