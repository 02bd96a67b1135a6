"""Options that several commands have, and their documented values (as in the contract)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class ProfileName(StrEnum):
    """Which set of models."""

    LITE = "lite"
    STANDARD = "standard"
    FULL = "full"


class PriorityName(StrEnum):
    """Which queue."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class ExportName(StrEnum):
    """Forms of a document beside JSON."""

    SRT = "srt"
    VTT = "vtt"


ProfileOption = Annotated[
    ProfileName | None,
    typer.Option(help="Which models. Default: REELSCOPE_MODELS__PROFILE, else lite.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
