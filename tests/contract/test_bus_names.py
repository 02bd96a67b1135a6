"""Keys and subjects."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope_runtime.bus.names import CHOICES, dead_subject, escape_key, unescape_key
from reelscope_runtime.errors import InvalidRequestError

NATS_KEY = re.compile(r"[-/_=.a-zA-Z0-9]+")
"""What the NATS clients accept as a key, beside: no dot at an end, no two in a row."""


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_becomes_a_valid_key_and_comes_back(text: str) -> None:
    key = escape_key(text)
    assert NATS_KEY.fullmatch(key)
    assert not key.startswith(".")
    assert not key.endswith(".")
    assert ".." not in key
    assert unescape_key(key) == text


@given(st.from_regex(r"[a-zA-Z0-9_/-]+(\.[a-zA-Z0-9_/-]+)*", fullmatch=True))
def test_a_plain_key_stays_readable(text: str) -> None:
    assert escape_key(text) == text


def test_a_dead_letter_goes_where_its_service_is() -> None:
    assert dead_subject("reelscope.task.vision.high") == "reelscope.dead.vision"
    for bad in ("", "reelscope.task.vision", "reelscope.event.vision.high", "reelscope.task.a.b.c"):
        with pytest.raises(InvalidRequestError):
            dead_subject(bad)


def test_every_choice_looks_at_every_queue() -> None:
    assert len(CHOICES) == 8
    for order in CHOICES:
        assert sorted(order) == ["high", "low", "normal"]
