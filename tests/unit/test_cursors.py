"""Cursors: what is sealed opens again, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cursors import seal, unseal
from app.errors import BadUserInput
from app.model import Cursor

PLACE = Cursor("default", "sync-1", "run", 12, "digest")


def test_what_is_sealed_opens_again() -> None:
    assert unseal("run", Cursor, seal("run", PLACE), argument="after") == PLACE


def test_a_cursor_of_another_field_is_refused() -> None:
    with pytest.raises(BadUserInput, match="after is not a cursor of this field") as refused:
        unseal("list", Cursor, seal("run", PLACE), argument="after")
    assert refused.value.path == ("after",)


def test_a_cursor_of_another_shape_is_refused() -> None:
    with pytest.raises(BadUserInput):
        unseal("run", Cursor, seal("run", ["default", 1]), argument="after")


@given(place=st.integers(min_value=0, max_value=200), letter=st.sampled_from("AZaz09-_ é="))
def test_a_changed_letter_is_noticed(place: int, letter: str) -> None:
    text = seal("run", PLACE)
    place %= len(text)
    damaged = text[:place] + letter + text[place + 1 :]
    if damaged != text:
        try:
            # The last letter may carry bits that decoding ignores.
            assert unseal("run", Cursor, damaged, argument="after") == PLACE
            assert place == len(text) - 1
        except BadUserInput:
            pass


@given(text=st.text(max_size=300))
def test_nonsense_is_refused_and_never_a_crash(text: str) -> None:
    with pytest.raises(BadUserInput):
        unseal("run", Cursor, text, argument="after")


def test_a_huge_one_is_refused_unread() -> None:
    with pytest.raises(BadUserInput):
        unseal("run", Cursor, "A" * 10_000, argument="after")
