"""`reelscope status`."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from rich.table import Table

from reelscope_cli.consoles import print_plain, stdout_console
from reelscope_cli.exits import Exit
from reelscope_cli.stack.folders import cache_home
from reelscope_cli.stack.keeper import KeeperFiles
from reelscope_cli.stack.procfs import memory_bytes
from reelscope_cli.stack.state import ProcessRecord, StackRecord, read_record

PROBE_TIMEOUT_S = 2.0
MIB = 2**20


def status(*, as_json: bool) -> int:
    """Shows the kept stack; returns the exit status."""
    console = stdout_console()
    record = read_record(KeeperFiles(cache_home()).record)
    if record is None:
        print_plain(console, json.dumps({"running": False}) if as_json else "no stack is running; `reelscope up` starts one")
        return Exit.SYSTEM
    rows = _rows(record)
    if as_json:
        content = {"running": True, "gateway_url": record.gateway_url, "profile": record.profile, "processes": rows}
        print_plain(console, json.dumps(content))
    else:
        console.print(_table(rows))
        print_plain(console, f"{record.gateway_url}  profile {record.profile}  files {record.folder}")
    return Exit.OK if all(row["ready"] for row in rows) else Exit.SYSTEM


def _rows(record: StackRecord) -> list[dict[str, object]]:
    with ThreadPoolExecutor(len(record.processes)) as pool:
        ready = pool.map(_is_ready, record.processes)
        return [
            {
                "process": process.name,
                "pid": process.pid,
                "ports": process.ports,
                "ready": is_ready,
                "uptime_s": round(time.time() - process.started_at, 1),
                "memory_bytes": memory_bytes(process.pid) if process.pid else 0,
                "restarts": process.restarts,
            }
            for process, is_ready in zip(record.processes, ready, strict=True)
        ]


def _is_ready(process: ProcessRecord) -> bool:
    """Asked now, not as it was written down."""
    if not process.pid:
        return False
    http = process.ports.get("http")
    try:
        if http is not None:
            response = httpx.get(f"http://127.0.0.1:{http}/readyz", timeout=PROBE_TIMEOUT_S, trust_env=False)
            return response.is_success
        with socket.create_connection(("127.0.0.1", process.ports["nats"]), PROBE_TIMEOUT_S):
            return True
    except (OSError, httpx.HTTPError):
        return False


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table("process", "pid", "ports", "ready", "uptime", "memory", "restarts", box=None)
    for row in rows:
        ports = row["ports"]
        memory, uptime = row["memory_bytes"], row["uptime_s"]
        table.add_row(
            str(row["process"]),
            str(row["pid"]),
            " ".join(f"{kind} {port}" for kind, port in ports.items()) if isinstance(ports, dict) else "",
            "[green]yes[/]" if row["ready"] else "[red]no[/]",
            f"{uptime:.0f} s" if isinstance(uptime, float) else "",
            f"{memory / MIB:.0f} MiB" if isinstance(memory, int) else "",
            str(row["restarts"]),
        )
    return table
