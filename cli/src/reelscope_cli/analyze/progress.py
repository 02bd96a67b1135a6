"""What is shown while the work goes on: a live table on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent
from reelscope_cli.analyze.clips import PENDING, ClipProgress, Outcome
from reelscope_cli.analyze.inputs import Clip
from reelscope_cli.exits import Exit

SHOWN_FINDINGS = 5
REFRESH_PER_S = 8
BAR_WIDTH = 24

_MARKS = {
    "succeeded": ("✓", "green"),
    "not_applicable": ("-", "dim"),
    "failed": ("✗", "red"),
    "unavailable": ("✗", "yellow"),
    "cancelled": ("✗", "yellow"),
    PENDING: ("·", "dim"),
}


class ProgressView(ABC):
    """Shows the work on clips; a context."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._clips: dict[str, ClipProgress] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the view; one that only prints holds nothing."""
        del kind, error, trace

    @abstractmethod
    def note(self, text: str) -> None:
        """Says what is being done beside the clips."""

    def submitted(self, clip: Clip, job: Job) -> None:
        """A clip has become a job."""
        progress = self._clips.setdefault(clip.name, ClipProgress(clip))
        self._tell(progress, list(progress.apply_job(job)))

    def event(self, clip: Clip, event: JobEvent) -> None:
        """Something has come of it."""
        progress = self._clips[clip.name]
        self._tell(progress, list(progress.apply(event)))

    def done(self, outcome: Outcome) -> None:
        """It has ended."""
        self._clips.pop(outcome.clip.name, None)
        if outcome.path is not None:
            self._say(outcome, f"written to {outcome.path}", failed=outcome.exit is not Exit.OK)
        else:
            self._say(outcome, outcome.reason, failed=True)

    @abstractmethod
    def _tell(self, progress: ClipProgress, lines: list[str]) -> None: ...

    @abstractmethod
    def _say(self, outcome: Outcome, text: str, *, failed: bool) -> None: ...


class PlainView(ProgressView):
    """Lines, for logs and pipes."""

    def note(self, text: str) -> None:
        """One line."""
        self._print(text)

    def _tell(self, progress: ClipProgress, lines: list[str]) -> None:
        for line in lines:
            self._print(f"{progress.clip.source}: {line}")

    def _say(self, outcome: Outcome, text: str, *, failed: bool) -> None:
        self._print(f"{outcome.clip.source}: {'FAILED: ' if failed and outcome.path is None else ''}{text}")

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveView(ProgressView):
    """A table that changes in place; what has ended is printed above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._note = ""
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=REFRESH_PER_S, transient=True, get_renderable=self._render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """Stays until the next."""
        self._note = text

    def _tell(self, progress: ClipProgress, lines: list[str]) -> None:
        """The table shows it by itself."""

    def _say(self, outcome: Outcome, text: str, *, failed: bool) -> None:
        mark = "[red]✗[/]" if failed else "[green]✓[/]"
        self.console.print(f"{mark} [bold]{escape(outcome.clip.source)}[/]: {escape(text)}", highlight=False)

    def _render(self) -> RenderableType:
        if not self._clips:
            self._spinner.update(text=Text(self._note, style="dim"))
            return self._spinner
        return Group(*(part for progress in self._clips.values() for part in _clip_parts(progress)))


def _clip_parts(progress: ClipProgress) -> list[RenderableType]:
    head = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=1.0, completed=progress.fraction, width=BAR_WIDTH)
    counts = f"{progress.finished} of {len(progress.analyzers)} analyzers" if progress.analyzers else ""
    head.add_row(Text(progress.clip.source, style="bold"), Text(progress.state, style="cyan"), bar, Text(counts, style="dim"))
    states = Text("  ")
    for name, status in sorted(progress.analyzers.items()):
        mark, style = _MARKS.get(status, ("?", ""))
        states.append(f"{mark} {name}  ", style=style)
    findings = [Text(f"  {line}", style="italic", overflow="ellipsis") for line in progress.findings[-SHOWN_FINDINGS:]]
    return [head, states, *findings]


def view_for(console: Console) -> ProgressView:
    """The view that suits where the console prints."""
    return LiveView(console) if console.is_terminal else PlainView(console)
