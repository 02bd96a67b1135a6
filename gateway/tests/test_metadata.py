from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelscope_gateway.fetch.metadata import source_metadata


def test_mapping() -> None:
    metadata = source_metadata(
        "https://www.tiktok.com/@a/video/1",
        {
            "id": "1",
            "extractor_key": "TikTok",
            "title": "A title",
            "uploader": "a",
            "upload_date": "20240131",
            "duration": 29.5,
            "view_count": 0,
            "like_count": None,
            "tags": ["x", 3, "y"],
            "artists": ["One", "Two"],
            "formats": [{}],
        },
    )
    assert (metadata.id, metadata.extractor, metadata.title) == ("1", "TikTok", "A title")
    assert metadata.duration_s == pytest.approx(29.5)
    assert metadata.HasField("view_count")
    assert metadata.view_count == 0
    assert not metadata.HasField("like_count")
    assert list(metadata.tags) == ["x", "y"]
    assert metadata.artist == "One, Two"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["id", "title", "description", "view_count", "like_count", "tags", "categories", "duration", "artists"])


@given(st.dictionaries(KEYS, VALUES))
def test_whatever_a_site_sends_is_mapped(info: dict[str, object]) -> None:
    source_metadata("https://example.org/", info).SerializeToString()
