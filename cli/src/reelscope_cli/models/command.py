"""`reelscope models list`, `fetch` and `verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBars
from rich.table import Table
from rich.text import Text

from reelscope_cli.consoles import print_plain, stderr_console, stdout_console
from reelscope_cli.exits import Exit, exit_for_error
from reelscope_cli.models.selection import Selected, all_models, select
from reelscope_runtime.errors import ModelUnavailableError, ServiceError
from reelscope_runtime.models import FetchProgress
from reelscope_runtime.models.manifest import HubSource, PackageSource, PartsSource
from reelscope_runtime.settings import RuntimeSettings

MIB = 2**20
_STYLES = {"available": "green", "missing": "yellow", "unpinned": "yellow", "corrupt": "red"}


def list_models(names: Sequence[str], *, profile: str | None, as_json: bool) -> int:
    """Shows what there is; returns the exit status."""
    console = stdout_console()
    try:
        models = select(all_models(RuntimeSettings().models), names, profile or "")
    except ServiceError as error:
        return _refused(error)
    rows = [_row(model) for model in models]
    if as_json:
        print_plain(console, json.dumps(rows))
        return Exit.OK
    table = Table("service", "model", "task", "profiles", "state", "size", "licence", "source", box=None, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for model, row in zip(models, rows, strict=True):
        state = str(row["state"])
        table.add_row(
            model.service,
            model.entry.name,
            model.entry.task,
            ", ".join(model.entry.profiles) or "by override",
            Text(state, style=_STYLES.get(state, "")),
            _size(model),
            model.entry.licence,
            str(row["source"]),
        )
    console.print(table)
    return Exit.OK


def fetch_models(names: Sequence[str], *, profile: str | None, pin: bool) -> int:
    """Makes models available, goes on after a failure; returns the exit status."""
    console = stderr_console()
    settings = RuntimeSettings().models
    chosen_profile = profile or ("" if names else settings.profile)
    try:
        models = select(all_models(settings), names, chosen_profile)
    except ServiceError as error:
        return _refused(error)
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with ProgressBars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        for model in models:
            label = f"{model.service}/{model.entry.name}"
            try:
                path = model.store.fetch(model.entry, _Bars(bars, label), pin=pin)
            except ModelUnavailableError as error:
                failed += 1
                print_plain(bars.console, f"{label}: {error.reason}", style="red")
            else:
                print_plain(bars.console, f"{label}: {path}")
    return Exit.SOME_FAILED if failed else Exit.OK


def verify_models(names: Sequence[str], *, profile: str | None) -> int:
    """Reads all files again; returns the exit status."""
    console = stdout_console()
    settings = RuntimeSettings().models
    try:
        models = select(all_models(settings), names, profile or ("" if names else settings.profile))
    except ServiceError as error:
        return _refused(error)
    failed = 0
    for model in models:
        problems = model.store.verify(model.entry)
        failed += bool(problems)
        print_plain(console, f"{model.service}/{model.entry.name}: {'; '.join(problems) or 'ok'}")
    return Exit.SOME_FAILED if failed else Exit.OK


def source_of(model: Selected) -> str:
    """Where a model comes from, in words."""
    for source in model.entry.sources:
        match source:
            case PackageSource():
                return f"package {source.package}"
            case PartsSource():
                return f"packages {', '.join(dict.fromkeys(piece.package for piece in source.pieces))}"
            case HubSource():
                return f"hub {source.repo}"
    return "a file that you provide"


def _row(model: Selected) -> dict[str, object]:
    status = model.store.status(model.entry)
    return {
        "service": model.service,
        "name": model.entry.name,
        "task": model.entry.task,
        "profiles": list(model.entry.profiles),
        "state": status.state,
        "reason": status.reason,
        "remedy": status.remedy,
        "size_bytes": sum(file.size_bytes for file in model.entry.files),
        "memory_mb": model.entry.memory_mb,
        "licence": model.entry.licence,
        "revision": model.store.revision(model.entry),
        "source": source_of(model),
    }


def _size(model: Selected) -> str:
    size = sum(file.size_bytes for file in model.entry.files) / MIB
    return f"{size:.1f} MiB" if all(file.size_bytes for file in model.entry.files) else "unknown"


def _refused(error: ServiceError) -> int:
    print_plain(stderr_console(), f"error: {error.reason}", style="red")
    return exit_for_error(error)


class _Bars:
    """Shows a fetch as one bar a file."""

    def __init__(self, bars: ProgressBars, label: str) -> None:
        self._bars = bars
        self._label = label
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: FetchProgress) -> None:
        task = self._tasks.get(progress.file)
        if task is None:
            task = self._bars.add_task(f"{self._label} {progress.file}", total=progress.total_bytes or None)
            self._tasks[progress.file] = task
        self._bars.update(task, completed=progress.done_bytes)
