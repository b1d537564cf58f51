"""How many subscriptions there may be: of a process, and of each of its identities."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.errors import RateLimited
from app.limits import Subscriptions


def enter(limits: Subscriptions, stack: ExitStack, subject: str | None) -> None:
    limits.check(subject)
    stack.enter_context(limits.counted(subject))


def test_an_identity_has_its_own_limit_and_spares_the_others() -> None:
    limits = Subscriptions(per_process=10, per_identity=2)
    with ExitStack() as stack:
        for subject in ("ann", "ann", "bob"):
            enter(limits, stack, subject)
        with pytest.raises(RateLimited, match=r"ann already has 2 .*TIDELINE_MAX_SUBSCRIPTIONS_PER_IDENTITY"):
            limits.check("ann")
        limits.check("bob")
    limits.check("ann")


def test_the_process_has_a_limit_for_all_together() -> None:
    limits = Subscriptions(per_process=2, per_identity=10)
    with ExitStack() as stack:
        enter(limits, stack, "ann")
        enter(limits, stack, None)
        with pytest.raises(RateLimited, match=r"process already has 2 .*TIDELINE_MAX_SUBSCRIPTIONS\)"):
            limits.check("bob")
    limits.check("bob")


def test_without_a_subject_only_the_process_is_limited() -> None:
    limits = Subscriptions(per_process=3, per_identity=1)
    with ExitStack() as stack:
        for _ in range(3):
            enter(limits, stack, None)
        with pytest.raises(RateLimited):
            limits.check(None)


def test_one_that_fails_is_counted_no_more() -> None:
    limits = Subscriptions(per_process=1, per_identity=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limits.counted("ann"):
            raise ZeroDivisionError
    limits.check("ann")
