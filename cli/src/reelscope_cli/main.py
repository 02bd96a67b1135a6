"""The `reelscope` command."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from reelscope_cli.commands import models
from reelscope_cli.commands.analyze import analyze
from reelscope_cli.commands.doctor import doctor
from reelscope_cli.commands.export import export
from reelscope_cli.commands.stack import down, status, up

app = typer.Typer(
    name="reelscope",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn short videos into JSON that describes them completely.",
)
app.command()(analyze)
app.command()(export)
app.command()(up)
app.command()(down)
app.command()(status)
app.add_typer(models.app, name="models")
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"reelscope {version('reelscope-cli')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that hold without a command."""
    del show_version
