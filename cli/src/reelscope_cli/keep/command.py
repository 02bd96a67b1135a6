"""`reelscope up` and `down`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from reelscope_cli.consoles import print_error, print_plain, stderr_console, stdout_console
from reelscope_cli.exits import Exit
from reelscope_cli.signals import SIGNAL_EXIT_BASE, run_interruptible
from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.folders import cache_home
from reelscope_cli.stack.keeper import KeeperFiles, StackRunningError, detach, end_stack, keep_stack
from reelscope_cli.stack.state import StackRecord, read_record
from reelscope_runtime.errors import ServiceError

GRACE_S = 10.0
DOWN_TIMEOUT_S = 3 * GRACE_S
"""The bus is stopped after the services, each with the grace period; then some."""


@dataclass(frozen=True, slots=True)
class UpArguments:
    """The command line.

    Attributes:
        detach: Return once it is ready.
        port: Of the HTTP API; 0: any; None: the preferred one if it is free, else any.
        preferred_port: See `port`.
        media: Folders whose files may be analyzed by path.
        profile: Empty: the settings'.
    """

    detach: bool
    port: int | None
    preferred_port: int
    media: Sequence[Path]
    profile: str


def up(arguments: UpArguments) -> int:
    """Keeps a stack; returns the exit status. Ended by a signal, it has done what it was asked to: 0."""
    stdout, stderr = stdout_console(), stderr_console()
    files = KeeperFiles(cache_home())
    port = arguments.port if arguments.port is not None else _free_or_any(arguments.preferred_port)
    try:
        if arguments.detach:
            _print_urls(stdout, detach(files, _attached(arguments, port)))
            print_plain(stdout, "`reelscope status` shows it, `reelscope down` ends it")
            return Exit.OK
        options = StackOptions(profile=arguments.profile, media_roots=tuple(arguments.media), http_port=port, grace_s=GRACE_S)
        print_plain(stderr, "starting the local stack")
        code = run_interruptible(_keep(files, options, stdout))
    except ServiceError as error:
        print_error(stderr, error)
        return Exit.BAD_INPUT if isinstance(error, StackRunningError) else Exit.SYSTEM
    return Exit.OK if code >= SIGNAL_EXIT_BASE else code


def down() -> int:
    """Ends the kept stack; returns the exit status. That there is none is no failure."""
    stdout = stdout_console()
    record = read_record(KeeperFiles(cache_home()).record)
    if record is None:
        print_plain(stdout, "no stack is running")
        return Exit.OK
    ended = end_stack(record, DOWN_TIMEOUT_S)
    print_plain(stdout, "stopped" if ended else f"it did not end within {DOWN_TIMEOUT_S:.0f} s and was killed")
    return Exit.OK


async def _keep(files: KeeperFiles, options: StackOptions, console: Console) -> int:
    await keep_stack(files, options, lambda record: _print_urls(console, record))
    return Exit.OK


def _print_urls(console: Console, record: StackRecord) -> None:
    for label, text in (
        ("HTTP API", record.gateway_url),
        ("gRPC", record.gateway_grpc),
        ("bus", record.nats_url),
        ("profile", record.profile),
        ("files", record.folder),
    ):
        print_plain(console, f"{label:<9}{text}")


def _attached(arguments: UpArguments, port: int) -> list[str]:
    """The command that keeps the stack in the foreground."""
    media = [part for folder in arguments.media for part in ("--media", str(folder))]
    profile = ["--profile", arguments.profile] if arguments.profile else []
    return ["up", "--port", str(port), *media, *profile]


def _free_or_any(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
