"""Consoles that are wide enough where nobody says how wide they are."""

from __future__ import annotations

import os

from rich.console import Console

from reelscope_cli.stack.errors import ProcessFailedError
from reelscope_runtime.errors import ServiceError

PLAIN_WIDTH = 160
"""Columns of pipes and files, where nobody says how many there are."""


def stdout_console() -> Console:
    """For results."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console


def stderr_console() -> Console:
    """For what is said beside them: progress and errors."""
    return Console(stderr=True)


def print_plain(console: Console, text: str, *, style: str = "") -> None:
    """Prints text as it is: nothing in it is markup, nothing is coloured by guess, nothing is broken into lines."""
    console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


def print_error(console: Console, error: ServiceError) -> None:
    """What went wrong; of a process of ours, also what it last said."""
    print_plain(console, f"error: {error.reason}", style="red")
    if isinstance(error, ProcessFailedError):
        for line in error.last_lines:
            print_plain(console, f"  {error.name} | {line}", style="dim")
