"""What is known of the tenants of callers: how long it is believed, and whom it lets in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest

from app.access import Identity, Role, Scope, TenantBook
from app.access.tenants import KEPT_SECONDS
from app.errors import DatabaseUnavailable, Forbidden
from app.model import NOBODY, Tenant, TenantStatus

ANN = Identity("ann", "acme", "default", frozenset({Role.ADMIN}), Scope("acme"))


@dataclass
class Shelf:
    """Where tenants are read from."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    now: float = 100.0
    reads: int = 0
    is_away: bool = False

    @property
    def book(self) -> TenantBook:
        return TenantBook(self.find, self.many, lambda: self.now)

    async def find(self, tenant: str) -> Tenant | None:
        self.reads += 1
        if self.is_away:
            raise DatabaseUnavailable("Postgres does not answer.")
        return self.tenants.get(tenant)

    async def many(self, tenants: Collection[str]) -> list[Tenant]:
        return [each for name, each in self.tenants.items() if name in tenants]


async def test_a_tenant_is_read_again_after_a_moment_or_when_it_has_changed() -> None:
    shelf = Shelf()
    book = shelf.book
    assert [await book.of("acme") for _ in range(2)] == [None, None]
    assert shelf.reads == 1
    shelf.tenants["acme"] = Tenant("acme")
    assert await book.of("acme") is None
    book.forget()
    assert await book.of("acme") == Tenant("acme")
    shelf.now += KEPT_SECONDS
    await book.of("acme")
    assert shelf.reads == 3


async def test_while_it_cannot_be_read_what_was_read_last_holds() -> None:
    shelf = Shelf({"acme": Tenant("acme")})
    book = shelf.book
    await book.of("acme")
    shelf.now += KEPT_SECONDS
    shelf.is_away = True
    assert await book.of("acme") == book.last("acme") == Tenant("acme")
    with pytest.raises(DatabaseUnavailable):
        await book.of("globex")
    assert book.last("globex") is None


@pytest.mark.parametrize(
    ("tenant", "words"),
    [
        (Tenant("acme", TenantStatus.PROVISIONING), "Tenant 'acme' is still being made."),
        (Tenant("acme", TenantStatus.SUSPENDED), "Tenant 'acme' is suspended."),
        (Tenant("acme", TenantStatus.SUSPENDED, "no money"), "Tenant 'acme' is suspended: no money."),
    ],
)
async def test_only_callers_of_an_active_tenant_are_let_in(tenant: Tenant, words: str) -> None:
    shelf = Shelf({"acme": tenant})
    with pytest.raises(Forbidden) as refused:
        await shelf.book.admitted(ANN)
    assert refused.value.message == words
    assert await shelf.book.shut({"acme", "globex"}) == {"acme"}
    platform = replace(ANN, scope=Scope(), roles=frozenset({Role.PLATFORM}))
    assert await shelf.book.admitted(platform) == platform


async def test_who_sees_all_environments_is_at_home_where_the_tenant_says() -> None:
    shelf = Shelf({"acme": Tenant("acme", default_environment="live")})
    assert (await shelf.book.admitted(ANN)).environment == "live"
    narrowed = replace(ANN, scope=Scope("acme", "test"), environment="test")
    assert (await shelf.book.admitted(narrowed)).environment == "test"
    assert await Shelf().book.admitted(ANN) == ANN


async def test_nobody_is_no_tenant() -> None:
    with pytest.raises(Forbidden, match="is no tenant"):
        await Shelf().book.admitted(replace(ANN, tenant=NOBODY, scope=Scope(NOBODY)))
