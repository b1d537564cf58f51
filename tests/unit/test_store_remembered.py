"""What is remembered is bounded by its weight."""

from __future__ import annotations

from app.store.remembered import Remembered


def test_what_was_asked_for_last_stays() -> None:
    remembered: Remembered[str, int] = Remembered(100)
    remembered.keep({name: (place, 10) for place, name in enumerate("abcdefghij")})
    assert remembered.get("a") == 0
    remembered.keep({"k": (10, 10)})
    assert remembered.get("b") is None
    assert remembered.get("a") == 0
    assert len(remembered) == 10


def test_what_is_kept_again_weighs_once() -> None:
    remembered: Remembered[str, int] = Remembered(100)
    for value in range(50):
        remembered.keep({"a": (value, 10), "b": (value, 5)})
    assert (remembered.get("a"), remembered.get("b"), len(remembered)) == (49, 49, 2)


def test_what_is_too_heavy_is_not_kept() -> None:
    remembered: Remembered[str, int] = Remembered(100)
    remembered.keep({"a": (1, 11)})
    assert remembered.get("a") is None
