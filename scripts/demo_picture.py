"""Draws README's picture, the summary of a document: `python scripts/demo_picture.py out/demo.json`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from google.protobuf import json_format
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_cli.analyze.summary import summary_lines

TARGET = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"
WIDTH = 110


def main(document: Path) -> None:
    """Writes docs/demo.svg."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    parsed = json_format.Parse(document.read_text(), AnalysisDocument())
    table = Table.grid(padding=(0, 2))
    for label, text in summary_lines(parsed):
        table.add_row(Text(label, style="bold cyan"), Text(text))
    table.add_row(Text("document", style="bold cyan"), Text("out/demo.json"))
    console.print(table)
    drawn = console.export_svg(title="reelscope analyze samples/demo.mp4")
    # The fonts that rich would fetch from elsewhere: the viewer's own monospace does.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    TARGET.write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
