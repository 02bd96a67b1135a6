"""docker and docker compose as programs: what a person types, and what comes back."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND_TIMEOUT_S = 120.0


def engine_problem() -> str:
    """Why images can't be built and run here; empty where they can."""
    for command in (["docker", "info"], ["docker", "compose", "version"], ["docker", "buildx", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}"
    return ""


def docker(
    *arguments: str,
    stdin: str = "",
    check: bool = True,
    timeout_s: float = COMMAND_TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Runs docker in the repository's root; gives what it printed.

    Args:
        arguments: What follows "docker".
        stdin: Its standard input.
        check: Whether a failure is an error.
        timeout_s: Then it is killed.
        environment: All of its environment; None: ours.

    Raises:
        AssertionError: It failed; with all that it said.
    """
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def inspect(what: str) -> dict[str, Any]:
    """`docker inspect` of one object."""
    found: dict[str, Any] = json.loads(docker("inspect", what))[0]
    return found


def log_of(container: str) -> str:
    """All that a container's processes have said, on either stream."""
    command = ["docker", "logs", container]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_TIMEOUT_S, check=True
    )
    return done.stdout


def run_python(image: str, program: str) -> Any:
    """Runs a program that prints JSON in a container of its own, as the image's user, and gives what it printed."""
    command = ("run", "--rm", "-i", "--network", "none", "--read-only", "--entrypoint", "python", image, "-")
    return json.loads(docker(*command, stdin=program))


@dataclass(frozen=True, slots=True)
class Compose:
    """One project of the repository's docker-compose.yml.

    Attributes:
        project: Its name, unlike any other on the machine.
        settings: Variables of the compose file. Those that the caller's environment has don't count.
    """

    project: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, stdin: str = "", check: bool = True, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Runs `docker compose`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REELSCOPE_")}
        command = ("compose", "--project-name", self.project, "--progress", "plain", *arguments)
        return docker(*command, stdin=stdin, check=check, timeout_s=timeout_s, environment={**environment, **self.settings})

    def config(self) -> dict[str, Any]:
        """The compose file with its variables filled in."""
        found: dict[str, Any] = json.loads(self("config", "--format", "json"))
        return found

    def container(self, service: str) -> dict[str, Any]:
        """`docker inspect` of a service's only container."""
        return inspect(self("ps", "--all", "--quiet", service).strip())

    def address(self, service: str, port: int) -> str:
        """Where a port of a service is reached from this machine, "127.0.0.1:54321"."""
        return self("port", service, str(port)).strip()

    def python(self, service: str, program: str) -> Any:
        """Runs a program that prints JSON inside a service's container, as its user."""
        return json.loads(self("exec", "--no-TTY", service, "python", "-", stdin=program))
