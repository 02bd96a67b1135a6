"""`reelscope up | down | status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelscope_cli.commands.options import JsonOption, ProfileOption

DEFAULT_PORT = 8080


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is ready; `reelscope down` ends it.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help=f"Of the HTTP API. Default: {DEFAULT_PORT} if it is free, else any; 0: any.",
            show_default=False,
        ),
    ] = None,
    media: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder whose files may be analyzed by path; may be given several times.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
) -> None:
    """Keep a local stack running: gateway, services and bus, until Ctrl-C or `reelscope down`."""
    from reelscope_cli.keep.command import UpArguments  # noqa: PLC0415 - see the package's docstring
    from reelscope_cli.keep.command import up as run  # noqa: PLC0415

    roots = tuple(folder.resolve() for folder in media or ())
    raise typer.Exit(
        run(UpArguments(detach=detach, port=port, preferred_port=DEFAULT_PORT, media=roots, profile=profile or ""))
    )


def down() -> None:
    """End the stack that `reelscope up` keeps."""
    from reelscope_cli.keep.command import down as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run())


def status(as_json: JsonOption = False) -> None:
    """Show the stack that `reelscope up` keeps; exit status 3 unless all of it is ready."""
    from reelscope_cli.keep.status import status as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run(as_json=as_json))
