"""`reelscope doctor`."""

from __future__ import annotations

import typer

from reelscope_cli.commands.options import JsonOption


def doctor(as_json: JsonOption = False) -> None:
    """Show what is installed, which profiles can run here, what is missing and how to get it.

    Exit status 0 if the lite profile can run, else 3.
    """
    from reelscope_cli.doctor.command import doctor as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run(as_json=as_json))
