from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.local.services.s3.keys import beside, names_of, segment_of

AWKWARD = ["", ".", "..", "%~", "%~=", "%~+", "..%~-", ".%~", ".x.crc", ".crc", "%~2E", "A" * 300, "é" * 200, "\x00"]
segments = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), max_size=8),
)


@settings(max_examples=500)
@given(segments)
def test_a_segment_comes_back_from_its_names(segment: str) -> None:
    for names in (names_of(segment), beside(names_of(segment))):
        assert segment_of(names, folder=False) == segment
    assert segment_of(names_of(segment), folder=True) == segment


@settings(max_examples=500)
@given(st.lists(segments, min_size=1, max_size=5))
def test_no_name_leaves_its_folder_or_overflows_it(parts: list[str]) -> None:
    names = names_of("/".join(parts))
    for name in (*names, *beside(names)):
        assert name not in ("", ".", "..")
        assert not {"/", "\0"} & set(name)
        assert len(name.encode()) <= 255


@given(st.lists(segments, min_size=1, max_size=4), st.lists(segments, min_size=1, max_size=4))
def test_different_keys_have_different_paths(first: list[str], second: list[str]) -> None:
    one, other = "/".join(first), "/".join(second)
    assert (names_of(one) == names_of(other)) == (one == other)


@pytest.mark.parametrize("key", ["raw/flights/year=2013/month=1/part-0.csv", "ts=10%3A00/_SUCCESS", "é/ü", "a b+c%20"])
def test_an_ordinary_key_is_its_own_path(key: str) -> None:
    assert names_of(key) == key.split("/")


@pytest.mark.parametrize("name", [".part-0.csv.crc", "a\nb", "%~zz", "a%~41", "x" * 200 + "%~-", "\udcff"])
def test_a_name_that_no_key_has_is_no_object(name: str) -> None:
    assert segment_of([name], folder=False) is None
