"""One script for Mandarin: Whisper mixes simplified and traditional characters at random, often within a sentence.

A prompt in simplified characters does not settle it (small models go on mixing) and costs words; converting what was read
does, and costs nothing. Source of the tables: OpenCC.
"""

from __future__ import annotations

from functools import cache

from opencc import OpenCC

CHINESE = "zh"
"""Whisper's code of Mandarin. Cantonese ("yue") is left as it is: it is written in traditional characters throughout."""

_SIMPLIFIED = "t2s"
_TRADITIONAL = {"zh-tw": "s2tw", "zh-hant-tw": "s2tw", "zh-hk": "s2hk", "zh-hant-hk": "s2hk", "zh-mo": "s2hk"}


def conversion(tag: str) -> str:
    """OpenCC's name of the conversion into the script that a BCP 47 tag asks for: traditional by its script subtag or by its
    region, simplified otherwise."""
    plain = tag.replace("_", "-").casefold()
    return _TRADITIONAL.get(plain, "s2t" if plain.startswith("zh-hant") else _SIMPLIFIED)


@cache
def _converter(name: str) -> OpenCC:
    return OpenCC(name)


def write(text: str, tag: str) -> str:
    """Chinese text in the script of a tag."""
    converted: str = _converter(conversion(tag)).convert(text)
    return converted
