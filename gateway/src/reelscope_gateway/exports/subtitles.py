"""Cues as SubRip (SRT) and WebVTT files.

WebVTT: https://www.w3.org/TR/webvtt1/ ; SubRip has no standard: UTF-8, numbered cues, comma before the milliseconds, as FFmpeg
and players write and read it.
"""

from __future__ import annotations

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_gateway.exports.cues import Cue, CueRules, cues
from reelscope_gateway.exports.script import ScriptWord

_MS = 1000
_ARROW = "-->"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def srt(document: AnalysisDocument, rules: CueRules | None = None) -> str:
    """The transcript as SubRip; empty where nothing was said. A new speaker is named in brackets."""
    blocks = []
    speaker = ""
    for number, cue in enumerate(cues(document, rules), start=1):
        lines = [line.replace(_ARROW, "→") for line in cue.lines]
        if cue.speaker and cue.speaker != speaker:
            lines[0] = f"[{cue.speaker}] {lines[0]}"
        speaker = cue.speaker
        blocks.append("\n".join([str(number), f"{_time(cue.start_s, ',')} {_ARROW} {_time(cue.end_s, ',')}", *lines]))
    return "".join(block + "\n\n" for block in blocks)


def vtt(document: AnalysisDocument, rules: CueRules | None = None, *, word_times: bool = False) -> str:
    """The transcript as WebVTT; only a header where nothing was said.

    Args:
        document: With its transcript.
        rules: What a cue may be.
        word_times: Put each word's time before it, as players for karaoke and captions read it.
    """
    blocks = ["WEBVTT"]
    for number, cue in enumerate(cues(document, rules), start=1):
        text = _timed(cue) if word_times else "\n".join(map(_escaped, cue.lines))
        voice = f"<v {_escaped(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{number}\n{_time(cue.start_s, '.')} {_ARROW} {_time(cue.end_s, '.')}\n{voice}{text}")
    return "\n\n".join(blocks) + "\n"


def _timed(cue: Cue) -> str:
    """The cue's lines with a time tag before each word but the first; times outside the cue are no valid tags."""
    out: list[str] = []
    words = list(cue.words)
    last_s = cue.start_s
    for line in cue.lines:
        text, at = "", 0
        while words and line.startswith(words[0].text, _after_spaces(line, at)):
            word = words.pop(0)
            begin = _after_spaces(line, at)
            tag, last_s = _tag(word, cue, last_s, is_first=not text and not out)
            text += line[at:begin] + tag + _escaped(word.text)
            at = begin + len(word.text)
        out.append(text + _escaped(line[at:]))
    return "\n".join(out)


def _tag(word: ScriptWord, cue: Cue, last_s: float, *, is_first: bool) -> tuple[str, float]:
    if is_first or not last_s < round(word.start_s, 3) < cue.end_s:
        return "", last_s
    return f"<{_time(word.start_s, '.')}>", round(word.start_s, 3)


def _after_spaces(line: str, at: int) -> int:
    while at < len(line) and line[at] == " ":
        at += 1
    return at


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _time(seconds: float, mark: str) -> str:
    """hh:mm:ss and milliseconds; more digits for hours where there are more."""
    whole = round(max(0.0, seconds) * _MS)
    minutes, ms = divmod(whole, 60 * _MS)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{ms // _MS:02d}{mark}{ms % _MS:03d}"
