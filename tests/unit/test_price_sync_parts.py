"""The pure parts of the price synchronisation: its checks, its pages, its errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.datastructures import Secret
from temporalio.exceptions import ApplicationError

from app.errors import ConfigurationError
from app.worker import connections_of
from app.workflows.failures import response_error, retry_after
from app.workflows.price_sync.destination import written_of
from app.workflows.price_sync.model import (
    Price,
    PriceDestination,
    PricePage,
    PriceSource,
    PriceSyncInput,
    SyncPosition,
    Written,
)
from app.workflows.price_sync.problems import problems
from app.workflows.price_sync.source import page_of
from app.workflows.systems import quoted

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
REQUEST = PriceSyncInput(
    plan_id="plan-pro",
    tenant_id="acme",
    environment_id="live",
    source=PriceSource(kind="http", url="http://prices.example/v1"),
    destination=PriceDestination(
        kind="postgres", connection="billing", table="public.items", subscriptions="public.subscriptions"
    ),
)


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, []),
        ({"plan_id": ""}, ["plan_id"]),
        ({"tenant_id": " \t", "environment_id": "x" * 201}, ["tenant_id", "environment_id"]),
        ({"plan_id": "a\nb"}, ["plan_id"]),
        ({"page_size": 1001, "rate_limit": 0.0}, ["page_size", "rate_limit"]),
        ({"rate_limit": float("nan")}, ["rate_limit"]),
        ({"source": PriceSource(kind="http")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="ftp://prices.example")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="http://[::1")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="http://prices.example:99999/")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="https://me:secret@prices.example/")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="/v1", connection="prices")}, []),
        ({"source": PriceSource(kind="http", url="//evil.example", connection="prices")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="https://x.example", connection="prices")}, ["source.url"]),
        ({"source": PriceSource(kind="http", url="/v1", connection="A b")}, ["source.connection"]),
        ({"source": PriceSource(kind="postgres")}, ["source.connection", "source.table"]),
        ({"source": PriceSource(kind="postgres", connection="a", table="prices")}, ["source.table"]),
        ({"source": PriceSource(kind="postgres", connection="a", table='a."b"')}, ["source.table"]),
        ({"source": PriceSource(kind="postgres", connection="a", table="a.b\n")}, ["source.table"]),
        ({"destination": PriceDestination(kind="http", url="http://items.example/")}, []),
        (
            {"destination": PriceDestination(kind="postgres", connection="a", table="a.b")},
            ["destination.subscriptions"],
        ),
    ],
)
def test_every_wrong_field_is_named(changes: dict[str, Any], paths: list[str]) -> None:
    found = problems(replace(REQUEST, **changes))
    assert [".".join(map(str, path)) for path, _ in found] == paths
    assert all(message.startswith(path) for path, (_, message) in zip(paths, found, strict=True))


def test_credentials_are_not_repeated() -> None:
    source = PriceSource(kind="http", url="https://me:sesame@prices.example/")
    assert "sesame" not in str(problems(replace(REQUEST, source=source)))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7),
        ("0", 0.001),
        ("86400", 300),
        ("9" * 400, 300),
        ("Wed, 06 May 2026 07:08:39 GMT", 30),
        ("Wed, 06 May 2026 07:00:00 GMT", 0.001),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("status", "type_", "final"),
    [
        (302, "ValidationError", True),
        (400, "ValidationError", True),
        (401, "AuthenticationError", True),
        (403, "AuthenticationError", True),
        (404, "NotFoundError", True),
        (408, "UnavailableError", False),
        (429, "UnavailableError", False),
        (500, "UnavailableError", False),
        (503, "UnavailableError", False),
    ],
)
def test_what_a_status_means(status: int, type_: str, final: bool) -> None:
    error = response_error(httpx.Response(status, headers={"retry-after": "9"}), "Prices", NOW)
    assert error is not None
    assert (error.type, error.non_retryable) == (type_, final)
    assert error.next_retry_delay == (None if final else timedelta(seconds=9))
    assert error.message.startswith(f"Prices answered {status}")
    assert response_error(httpx.Response(204), "Prices", NOW) is None


ITEM: dict[str, Any] = {
    "price_id": "p1",
    "plan_id": "plan-pro",
    "amount": 250,
    "currency": "EUR",
    "interval": "month",
    "updated_at": "2026-05-06T07:08:09Z",
}
PLAN = {"plan_id": "plan-pro", "tenant_id": "acme", "environment_id": "live"}


def test_reads_a_page() -> None:
    page = page_of({"items": [ITEM | {"tenant_id": "acme"}], "next_cursor": "n"}, PLAN, "Prices")
    assert page == PricePage((Price("p1", 250, "EUR", "month", NOW),), "n")
    assert page_of({"items": [], "next_cursor": ""}, PLAN, "Prices") == PricePage((), None)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "Prices must be an object"),
        ({}, "items must be a list"),
        ({"items": [], "next_cursor": 5}, "next_cursor"),
        ({"items": [None]}, r"items\[0\] must be an object"),
        *[
            ({"items": [ITEM, ITEM | {field: wrong}]}, rf"items\[1\]\.{field}")
            for field, wrong in (
                ("price_id", ""),
                ("plan_id", "another"),
                ("tenant_id", "another"),
                ("amount", 2.5),
                ("currency", None),
                ("updated_at", "2026-05-06T07:08:09"),
            )
        ],
        ({"items": [ITEM | {"amount": True}]}, r"items\[0\]\.amount"),
        ({"items": [ITEM | {"amount": 2**63}]}, r"items\[0\]\.amount"),
        ({"items": [ITEM | {"updated_at": 1}]}, r"items\[0\]\.updated_at"),
        (
            {"items": [{key: value for key, value in ITEM.items() if key != "plan_id"}]},
            r"items\[0\]\.plan_id",
        ),
    ],
)
def test_a_wrong_page_is_refused_by_name(body: Any, words: str) -> None:
    with pytest.raises(ApplicationError, match=words) as caught:
        page_of(body, PLAN, "Prices")
    assert (caught.value.type, caught.value.non_retryable) == ("ValidationError", True)


def test_counts_of_a_destination() -> None:
    assert written_of({"created": 1, "updated": 2, "unchanged": 3}, "Items") == Written(1, 2, 3)
    for wrong in (None, {}, {"created": 1, "updated": -2, "unchanged": 3}, {"created": "1"}):
        with pytest.raises(ApplicationError, match="Items must answer"):
            written_of(wrong, "Items")


def test_a_position_adds_pages_up_until_the_last() -> None:
    prices = (Price("p1", 250, "EUR", "month", NOW),)
    first = SyncPosition().after(PricePage(prices * 3, "c"), Written(2, 1, 4))
    assert first == SyncPosition("c", finished=False, prices=3, created=2, updated=1, unchanged=4)
    last = first.after(PricePage(prices, None), Written(0, 0, 1))
    assert (last.finished, last.cursor, last.prices, last.total) == (True, None, 4, 8)


def test_identifiers_are_quoted() -> None:
    assert quoted("demo.order") == '"demo"."order"'


def test_connections_are_read_and_never_shown() -> None:
    text = "demo=postgresql://me:x@/db?host=/tmp/pg, prices=https://user:sesame@prices.example"
    assert connections_of(Secret(text)) == {
        "demo": "postgresql://me:x@/db?host=/tmp/pg",
        "prices": "https://user:sesame@prices.example",
    }
    assert connections_of(None) == {}
    for wrong in ("postgresql://me:sesame@/db", "=postgresql://sesame", "a=https://x.example,sesame"):
        with pytest.raises(ConfigurationError, match=r"entry \d must be name=url") as caught:
            connections_of(Secret(wrong))
        assert "sesame" not in caught.value.message
