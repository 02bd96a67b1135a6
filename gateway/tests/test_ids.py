from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope_gateway.jobs.ids import is_job_id, made_at, new_job_id

MOMENTS = st.integers(min_value=0, max_value=4_000_000_000 * 10**9)


@given(MOMENTS, st.integers(min_value=1000, max_value=10**12))
def test_later_ids_sort_later(now_ns: int, later_ns: int) -> None:
    assert new_job_id(now_ns) < new_job_id(now_ns + later_ns)


@given(MOMENTS)
def test_ids_are_uuids_of_version_7_that_know_their_time(now_ns: int) -> None:
    made = new_job_id(now_ns)
    assert is_job_id(made)
    assert uuid.UUID(made).version == 7
    assert made_at(made) == pytest.approx(now_ns / 1e9, abs=0.002)


def test_ids_of_one_moment_differ() -> None:
    assert new_job_id(1) != new_job_id(1)


@given(st.text())
def test_other_texts_are_none(text: str) -> None:
    assert not is_job_id(text)
