from __future__ import annotations

import pytest

from app.indexer.hints import hint_of, ref_of_hint
from app.model import ExecutionRef


def test_a_hint_names_a_run() -> None:
    ref = ExecutionRef("n", 'w "ü"', "r")
    assert ref_of_hint(hint_of(ref)) == ref


@pytest.mark.parametrize("hint", ["", "*", "{}", "[]", '["n","w"]', '["n","w",1]', '["n","w","r","x"]'])
def test_anything_else_names_none(hint: str) -> None:
    assert ref_of_hint(hint) is None
