"""`reelscope analyze`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelscope_cli.commands.options import ExportName, JsonOption, PriorityName, ProfileOption


def analyze(  # noqa: PLR0917 - typer makes the command line of it; nobody calls it otherwise
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="FILE|URL|FOLDER...", help="Clips; folders are searched.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the documents, NAME.json each.")] = Path("reelscope-out"),
    analyzers: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,NAME", help="Only these; may be given several times. Default: all.", show_default=False),
    ] = None,
    gateway: Annotated[
        str,
        typer.Option(
            envvar="REELSCOPE_GATEWAY_URL",
            help="Use this running gateway. Default: start a private stack, and stop it at the end.",
            show_default=False,
        ),
    ] = "",
    profile: ProfileOption = None,
    priority: Annotated[PriorityName, typer.Option(help="Which queue.")] = PriorityName.NORMAL,
    language: Annotated[str, typer.Option(help="What is spoken, e.g. en. Default: detected.", show_default=False)] = "",
    export: Annotated[
        list[ExportName] | None,
        typer.Option(
            help="Write the transcript beside the document, NAME.srt or NAME.vtt; may be given twice.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Describe clips: one JSON document each, and a summary.

    Exit status: 0 every analyzer succeeded; 1 some failed, the document says which; 2 wrong usage or input;
    3 the stack can't start or the gateway can't be reached.
    """
    from reelscope_cli.analyze.command import AnalyzeArguments  # noqa: PLC0415 - see the package's docstring
    from reelscope_cli.analyze.command import analyze as run  # noqa: PLC0415
    from reelscope_cli.analyze.session import Wishes  # noqa: PLC0415
    from reelscope_cli.consoles import stderr_console, stdout_console  # noqa: PLC0415
    from reelscope_cli.signals import run_interruptible  # noqa: PLC0415

    names = [name for part in analyzers or () for one in part.split(",") if (name := one.strip())]
    wishes = Wishes(analyzers=names, profile=profile or "", priority=priority, language=language, exports=export or ())
    arguments = AnalyzeArguments(inputs=inputs, out=out, gateway=gateway, wishes=wishes, as_json=as_json)
    raise typer.Exit(run_interruptible(run(arguments, stdout=stdout_console(), stderr=stderr_console())))
