"""`reelscope export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelscope_cli.commands.options import ExportName


def export(
    documents: Annotated[
        list[Path], typer.Argument(metavar="DOCUMENT.json...", help="What `analyze` wrote.", show_default=False)
    ],
    export_format: Annotated[ExportName, typer.Option("--format", help="Which form.", show_default=False)],
) -> None:
    """Turn the transcripts of documents into subtitles, each beside its document.

    Exit status: 0 all are written; 2 one can't be read or written.
    """
    from reelscope_cli.analyze.outputs import export_file  # noqa: PLC0415 - see the package's docstring
    from reelscope_cli.consoles import print_error, print_plain, stderr_console, stdout_console  # noqa: PLC0415
    from reelscope_cli.exits import exit_for_error  # noqa: PLC0415
    from reelscope_runtime.errors import ServiceError  # noqa: PLC0415

    code = 0
    for document in documents:
        try:
            print_plain(stdout_console(), str(export_file(document, export_format)))
        except ServiceError as error:
            print_error(stderr_console(), error)
            code = max(code, exit_for_error(error))
    raise typer.Exit(code)
