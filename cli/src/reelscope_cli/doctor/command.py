"""`reelscope doctor`."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reelscope_cli.consoles import print_plain, stdout_console
from reelscope_cli.doctor.machine import GIB, Machine, look_around
from reelscope_cli.doctor.packages import optional_packages, our_packages
from reelscope_cli.doctor.profiles import ProfileReport, profile_reports
from reelscope_cli.exits import Exit


def doctor(*, as_json: bool) -> int:
    """Shows it; returns the exit status: whether the lite profile can run."""
    console = stdout_console()
    machine = look_around()
    packages, optional = our_packages(), optional_packages()
    reports = profile_reports(machine, packages)
    if as_json:
        content = {
            "machine": machine.as_dict(),
            "packages": packages,
            "optional_packages": optional,
            "profiles": {report.profile: _report_dict(report) for report in reports},
        }
        print_plain(console, json.dumps(content))
    else:
        _print_machine(console, machine)
        _print_packages(console, packages | optional, optional)
        for report in reports:
            _print_profile(console, report)
    return Exit.OK if reports[0].can_run else Exit.SYSTEM


def _print_machine(console: Console, machine: Machine) -> None:
    none = Text("none", style="dim")
    table = Table(box=None, show_header=False, title="Machine", title_justify="left")
    table.add_row("Python", machine.python)
    table.add_row("system", machine.system)
    table.add_row("processor", f"{machine.processor}, {machine.cores} cores usable")
    table.add_row("memory", f"{machine.memory_available / GIB:.1f} of {machine.memory / GIB:.1f} GiB available")
    table.add_row("disk", f"{machine.disk_free / GIB:.1f} GiB free for {machine.cache}")
    table.add_row("GPU", "\n".join(machine.gpus) or Text("none: models run on the processor", style="dim"))
    table.add_row("nats-server", machine.nats_server or none)
    table.add_row("ffmpeg", machine.ffmpeg or Text("none: downloads are merged by PyAV instead", style="dim"))
    table.add_row("ports in use", ", ".join(machine.ports_in_use) or none)
    console.print(table)


def _print_packages(console: Console, packages: dict[str, str], optional: dict[str, str]) -> None:
    installed = sorted(f"{name} {version}" for name, version in packages.items() if version)
    console.print(Text.assemble("\n", ("Packages", "italic"), "\n", ", ".join(installed)))
    absent = sorted(name for name in optional if not optional[name])
    if absent:
        console.print(Text(f"not installed, for the larger profiles: {', '.join(absent)}", style="dim"))


def _print_profile(console: Console, report: ProfileReport) -> None:
    verdict = ("can run", "green") if report.can_run else ("can't run all of its models", "yellow")
    console.print(Text.assemble("\n", (f"Profile {report.profile}", "italic"), ": ", verdict, f" ({report.models} models)"))
    if report.missing:
        table = Table("missing", "why", "how to get it", box=None, header_style="dim")
        for column in table.columns:
            column.overflow = "fold"
        for one in report.missing:
            table.add_row(Text(one.what), Text(one.why), Text(one.remedy))
        console.print(table)


def _report_dict(report: ProfileReport) -> dict[str, object]:
    return {
        "can_run": report.can_run,
        "models": report.models,
        "missing": [{"what": one.what, "why": one.why, "remedy": one.remedy} for one in report.missing],
    }
