"""The decoder process: `python -m reelscope_runtime.media.child PARENT_PID`.

Untrusted media is opened here and nowhere else. One request comes on standard input, messages go to standard output, then it
ends, so that what a broken file leaks or damages goes with it. Imports only what decoding needs.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

import av
import av.logging
import numpy as np

from reelscope_runtime.media.decoding import NVIDIA_DEVICES, decode
from reelscope_runtime.media.items import AudioSpec, FrameSpec, Spec
from reelscope_runtime.media.probing import probe
from reelscope_runtime.media.source import LOG_FD, Limits, RefusedError, log_tail, refusal
from reelscope_runtime.media.tracks import Output
from reelscope_runtime.media.wire import ChannelClosedError, Header, Receiver, send
from reelscope_runtime.process import die_with_parent

_LOG_BYTES = 2**20
"""FFmpeg may say so much about one file; the rest is lost. Also the largest file that this process can write anywhere."""

_AV_LOG_ERROR = 16
"""AV_LOG_ERROR of libavutil."""


def main() -> None:
    """Serves one request."""
    die_with_parent(int(sys.argv[1]))
    out = os.dup(1)
    os.dup2(LOG_FD, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.restore_default_callback()
    av.logging.set_libav_level(_AV_LOG_ERROR)
    try:
        send(out, {"type": "ready"})
        request, _ = Receiver(0).receive(None, max_payload_bytes=0)
    except (OSError, ChannelClosedError):
        return
    limits = Limits(request["max_pixels"], request["max_duration_s"], request["threads"])
    try:
        _serve(request, limits, out)
    except BrokenPipeError:
        return
    except RefusedError as error:
        _fail(out, error.code, error.reason)
    except MemoryError:
        limit = request["child_memory_bytes"] // 2**20
        _fail(out, "media_decoder_crashed", f"decoding needs more memory than the limit of {limit} MiB")
    except av.FFmpegError as error:
        refused = refusal(request["path"], limits, error)
        _fail(out, refused.code, refused.reason)
    except OSError as error:
        _fail(out, "media_unreadable", f"can't be read: {error.strerror}")


def _fail(out: int, code: str, reason: str) -> None:
    try:
        send(out, {"type": "error", "code": code, "reason": reason, "log": log_tail()[-1000:]})
    except BrokenPipeError:
        return


def _serve(request: Header, limits: Limits, out: int) -> None:
    wants_gpu = request["do"] == "decode" and request["hwaccel"] != "none"
    _limit_memory(request["child_memory_bytes"], is_gpu_possible=wants_gpu and any(d.exists() for d in NVIDIA_DEVICES))
    if request["do"] == "probe":
        send(out, {"type": "info", "info": probe(request["path"], limits, request["timeout_s"])})
        return

    def emit(header: dict[str, Any], content: np.ndarray[Any, Any] | None) -> None:
        send(out, header, b"" if content is None else content.data)

    specs = {key: _spec(fields) for key, fields in request["specs"].items()}
    decode(request["path"], request["info"], specs, limits=limits, hwaccel=request["hwaccel"], output=Output(emit))


def _spec(fields: dict[str, Any]) -> Spec:
    kind = fields.pop("kind")
    return FrameSpec(**fields) if kind == "frames" else AudioSpec(**fields)


def _limit_memory(extra_bytes: int, *, is_gpu_possible: bool) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LOG_BYTES, _LOG_BYTES))
    pages, _, _, _, _, data_pages, _ = (int(word) for word in Path("/proc/self/statm").read_text().split())
    page = resource.getpagesize()
    if is_gpu_possible:
        # CUDA reserves far more addresses than it uses: there, only what is writable and private counts.
        limit = data_pages * page + extra_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    else:
        limit = pages * page + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
