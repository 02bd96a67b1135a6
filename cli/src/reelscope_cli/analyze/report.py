"""The last word on every clip: for people, or for programs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reelscope_cli.analyze.clips import Outcome
from reelscope_cli.analyze.summary import failures, summary_lines
from reelscope_cli.exits import Exit


def print_outcome(console: Console, outcome: Outcome) -> None:
    """A summary of the clip, or why there is none."""
    if outcome.document is None:
        console.print(Text.assemble((outcome.clip.source, "bold"), "  ", (f"failed: {outcome.reason}", "red")), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in summary_lines(outcome.document):
        table.add_row(label, Text(text))
    for name, why in failures(outcome.document):
        table.add_row(Text(name, style="red"), Text(why))
    table.add_row("document", Text(str(outcome.path), style="bold"))
    console.print(Text(outcome.clip.source, style="bold"))
    console.print(table)


def report(outcomes: Sequence[Outcome], code: Exit) -> dict[str, object]:
    """What `--json` prints."""
    return {"exit_code": int(code), "clips": [_clip(outcome) for outcome in outcomes]}


def _clip(outcome: Outcome) -> dict[str, object]:
    told: dict[str, object] = {
        "input": outcome.clip.source,
        "job_id": outcome.job_id,
        "exit_code": int(outcome.exit),
        "document": str(outcome.path) if outcome.path is not None else None,
        "reason": outcome.reason,
    }
    document = outcome.document
    if document is not None:
        told |= {
            "analyzers": {name: result.status for name, result in sorted(document.analyzer_results.items())},
            "problems": dict(failures(document)),
            "reconstruction_score": document.metadata.reconstruction_score,
            "processing_time_seconds": document.metadata.processing_time_seconds,
            "realtime_factor": document.metadata.realtime_factor,
        }
    return told
