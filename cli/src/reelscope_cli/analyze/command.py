"""`reelscope analyze` from its arguments to its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from reelscope_cli.analyze.clips import Outcome
from reelscope_cli.analyze.inputs import Clip, expand
from reelscope_cli.analyze.outputs import prepare
from reelscope_cli.analyze.progress import ProgressView, view_for
from reelscope_cli.analyze.report import print_outcome, report
from reelscope_cli.analyze.session import Session, Wishes
from reelscope_cli.client import ReelscopeClient
from reelscope_cli.consoles import print_error, print_plain
from reelscope_cli.exits import exit_for_error
from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.folders import cache_home, run_folder
from reelscope_cli.stack.local import LocalStack
from reelscope_runtime.errors import ServiceError, UnavailableError

T = TypeVar("T")

GRACE_S = 1.0
"""What the stack's processes may take to end: the documents are written, nothing of it is needed any more."""


@dataclass(frozen=True, slots=True)
class AnalyzeArguments:
    """The command line.

    Attributes:
        inputs: Files, folders and addresses.
        out: Where documents go.
        gateway: A running gateway; empty: a local stack is started.
        wishes: What is asked of each clip.
        as_json: Print a report for programs instead of one for people.
    """

    inputs: Sequence[str]
    out: Path
    gateway: str
    wishes: Wishes
    as_json: bool


async def analyze(
    arguments: AnalyzeArguments,
    *,
    stdout: Console,
    stderr: Console,
    connect: Callable[[str], ReelscopeClient] = ReelscopeClient,
) -> int:
    """Does it all; returns the exit status.

    Args:
        arguments: What to do.
        stdout: For results.
        stderr: For progress and errors.
        connect: Makes the client of the gateway at an address.
    """
    try:
        clips = expand(arguments.inputs)
        prepare(arguments.out)
        with view_for(stderr) as view:
            outcomes = await _outcomes(arguments, clips, view, connect)
    except ServiceError as error:
        print_error(stderr, error)
        return exit_for_error(error)
    code = max(outcome.exit for outcome in outcomes)
    if arguments.as_json:
        print_plain(stdout, json.dumps(report(outcomes, code), ensure_ascii=False))
    else:
        for outcome in outcomes:
            print_outcome(stdout, outcome)
    return code


async def _outcomes(
    arguments: AnalyzeArguments, clips: Sequence[Clip], view: ProgressView, connect: Callable[[str], ReelscopeClient]
) -> list[Outcome]:
    if arguments.gateway:
        async with connect(arguments.gateway) as client:
            if await client.missing() == ["gateway"]:
                raise UnavailableError(f"no gateway answers at {arguments.gateway}")
            session = Session(client, arguments.wishes, folder=arguments.out, view=view, reads_paths=False)
            return await session.run(clips)
    view.note("starting the local stack")
    async with _local_stack(arguments, clips) as stack, connect(stack.gateway_url) as client:
        view.note("the local stack is ready")
        session = Session(client, arguments.wishes, folder=arguments.out, view=view, reads_paths=True)
        outcomes = await _while_up(stack, session.run(clips))
        view.note("stopping the local stack")
        return outcomes


@contextlib.asynccontextmanager
async def _local_stack(arguments: AnalyzeArguments, clips: Sequence[Clip]) -> AsyncIterator[LocalStack]:
    roots = sorted({clip.path.parent for clip in clips if clip.path is not None})
    options = StackOptions(profile=arguments.wishes.profile, media_roots=roots, grace_s=GRACE_S)
    with run_folder(cache_home()) as folder:
        async with LocalStack(folder, options) as stack:
            yield stack


async def _while_up(stack: LocalStack, work: Coroutine[Any, Any, T]) -> T:
    """Does the work; gives up where the stack does.

    Raises:
        ProcessFailedError: A process of the stack kept crashing.
    """
    working = asyncio.create_task(work)
    failing = asyncio.create_task(stack.failed())
    try:
        await asyncio.wait({working, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
        return await working
    finally:
        for task in (working, failing):
            task.cancel()
        await asyncio.gather(working, failing, return_exceptions=True)
