from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reelscope_cli.stack.errors import StackError
from reelscope_cli.stack.folders import held, run_folder


def test_a_run_has_a_folder_of_its_own_that_goes_with_it(tmp_path: Path) -> None:
    with run_folder(tmp_path) as first, run_folder(tmp_path) as second:
        assert first != second
        (first / "store").mkdir()
        (first / "store" / "big").write_text("x")
    assert not list((tmp_path / "runs").iterdir())


def test_the_folder_of_a_run_that_was_killed_goes_with_the_next(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from reelscope_cli.stack.folders import run_folder\n"
        "with run_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'media').mkdir(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert len(list((tmp_path / "runs").iterdir())) == 1
    with run_folder(tmp_path) as folder:
        assert list((tmp_path / "runs").iterdir()) == [folder]


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(StackError, match="set XDG_CACHE_HOME"), run_folder(tmp_path):
        pytest.fail("it was made")


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    with held(tmp_path / "lock") as first, held(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    with held(tmp_path / "lock") as again:
        assert again
