"""Who sees what belongs to no tenant, or need not belong to one."""

from __future__ import annotations

import pytest

from app.access import Identity, Role, Scope, oversees, sees

EVERYTHING = Scope()


def identity(scope: Scope, role: Role) -> Identity:
    return Identity("ann", "acme", "prod", frozenset({role}), scope)


@pytest.mark.parametrize(
    ("role", "scope", "expected"),
    [
        (Role.PLATFORM, EVERYTHING, True),
        (Role.PLATFORM, Scope("acme", "prod"), False),
        (Role.PLATFORM, Scope(None, "prod"), False),
        (Role.ADMIN, EVERYTHING, False),
        (Role.ADMIN, Scope("acme", "prod"), False),
    ],
)
def test_overseers_have_the_role_and_no_bounds(role: Role, scope: Scope, expected: bool) -> None:
    assert oversees(identity(scope, role)) is expected


@pytest.mark.parametrize(
    ("role", "scope", "owner", "expected"),
    [
        (Role.PLATFORM, EVERYTHING, (None, None), True),
        (Role.PLATFORM, EVERYTHING, ("acme", "prod"), True),
        (Role.ADMIN, Scope("acme", "prod"), ("acme", "prod"), True),
        (Role.ADMIN, Scope("acme", "prod"), ("acme", "test"), False),
        (Role.ADMIN, Scope("acme", "prod"), ("globex", "prod"), False),
        (Role.ADMIN, Scope("acme", "prod"), (None, None), False),
        (Role.ADMIN, Scope("acme"), ("acme", "test"), True),
        (Role.ADMIN, Scope("acme"), ("acme", None), False),
        (Role.PLATFORM, Scope(None, "prod"), ("globex", "prod"), True),
        (Role.PLATFORM, Scope(None, "prod"), (None, None), False),
        (Role.ADMIN, EVERYTHING, (None, None), False),
    ],
)
def test_what_need_not_have_an_owner(
    role: Role, scope: Scope, owner: tuple[str | None, str | None], expected: bool
) -> None:
    assert sees(identity(scope, role), *owner) is expected
