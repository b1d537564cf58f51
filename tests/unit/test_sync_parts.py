"""The pure parts of synchronisations and billing."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.exceptions import ApplicationError

from app.registry import Registry
from app.workflows.billing.proration import remaining
from app.workflows.outbound import named_client
from app.workflows.sync.ends import Wrong
from app.workflows.sync.files import FileDestination, FileSource
from app.workflows.sync.model import Position, RecordError
from app.workflows.sync.pages import page_of, total_of
from app.workflows.sync.queries import Query, values_of
from app.workflows.sync.vendors import major
from tests import catalog


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [(1250, "EUR", "12.50"), (1250, "JPY", "1250"), (1250, "KWD", "1.250"), (-5, "USD", "-0.05")],
)
def test_amounts_in_major_units(amount: int, currency: str, expected: str) -> None:
    assert str(major(amount, currency)) == expected
    assert isinstance(major(amount, currency), Decimal)


@pytest.mark.parametrize(
    ("style", "body", "headers", "cursor", "following"),
    [
        ("cursor", {"items": [{}], "next_cursor": "b"}, {}, "a", "b"),
        ("cursor", {"items": [{}], "next_cursor": None}, {}, "a", None),
        ("page", [{}, {}], {}, None, "2"),
        ("page", [{}], {}, "2", None),
        ("page", {"results": [{}, {}], "next": None}, {}, "3", None),
        ("page", {"results": [{}, {}], "total_pages": 4}, {}, "3", "4"),
        ("link", [{}], {"link": '</x?after=2>; rel="next"'}, None, "/x?after=2"),
        ("link", [{}], {}, "/x?after=2", None),
    ],
)
def test_where_the_next_page_begins(style: Any, body: Any, headers: Any, cursor: Any, following: Any) -> None:
    response = httpx.Response(200, headers=headers)
    assert page_of(style, response, body, cursor, 2, "It").cursor == following


@pytest.mark.parametrize("body", [{}, "text", {"items": {}}, [1], {"items": [{}], "next_cursor": 7}, None])
def test_an_answer_that_is_no_page_is_refused(body: Any) -> None:
    with pytest.raises(ApplicationError, match="It"):
        page_of("cursor", httpx.Response(200), body, None, 2, "It")


def test_a_page_that_leads_to_itself_is_refused() -> None:
    with pytest.raises(ApplicationError, match="to itself"):
        page_of("cursor", httpx.Response(200), {"items": [], "next_cursor": "a"}, "a", 2, "It")
    with pytest.raises(ApplicationError, match="total"):
        total_of({"total": "many"}, "It")


def test_a_position_survives_its_heartbeat() -> None:
    error = RecordError(2, "b", "no")
    position = Position().after(["created", error, "unchanged"], "c")
    assert (position.records, position.created, position.unchanged, position.failed) == (3, 1, 1, 1)
    assert Position.of(json.loads(json.dumps(dataclasses.asdict(position)))) == position
    assert position.after([], None).finished


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_a_file_is_read_from_any_row_on(tmp_path: Path, limit: int) -> None:
    rows = ["a,b", "1,one", '2,"two,\nlines ""quoted"""', "", "3", "4,", '5,"é"']
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    found: list[Any] = []
    cursor: str | None = None
    while True:
        source = FileSource(path, "csv", "It")  # another process each time
        page = await source.page(cursor, limit)
        source.close()
        found += page.records
        if (cursor := page.cursor) is None:
            break
    assert [each if isinstance(each, dict) else type(each) for each in found] == [
        {"a": "1", "b": "one"},
        {"a": "2", "b": 'two,\nlines "quoted"'},
        Wrong,
        {"a": "4", "b": None},
        {"a": "5", "b": "é"},
    ]
    source = FileSource(path, "csv", "It")
    assert await source.count() == 5
    source.close()


async def test_another_file_under_the_same_name_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    marks = []
    for text in ('{"a": 1}\n', '{"a": 2}\n', '{"a": 1}\n{"a": 2}\n'):
        path.write_text(text)
        source = FileSource(path, "jsonl", "It")
        marks.append(source.mark)
        source.close()
    assert len(set(marks)) == 3


async def test_a_file_goes_on_behind_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    first = FileDestination(path, "csv")
    assert await first.resume(0)
    await first.upsert([{"a": "=1+1", "b": {"c": 1}}])
    kept = await first.settle()
    await first.upsert([{"a": "lost", "b": None}])
    await first.settle()
    first.close()
    second = FileDestination(path, "csv")
    assert await second.resume(kept)
    await second.upsert([{"a": "kept", "b": None}])
    assert not path.exists()
    await second.finish()
    second.close()
    assert path.read_text() == 'a,b\n\'=1+1,"{""c"": 1}"\nkept,\n'
    third = FileDestination(path, "csv")
    assert not await third.resume(kept)
    third.close()


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-01-01", 1000), ("2026-01-16", 500), ("2026-01-31", 0), ("2025-12-01", 1000), ("2026-03-01", 0)],
)
def test_what_is_left_of_a_fee(at: str, expected: int) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)
    assert remaining(1000, start, end, datetime.fromisoformat(at).replace(tzinfo=UTC)) == expected
    assert remaining(1000, start, start, start) == 0


def test_a_query_takes_what_it_names_and_nothing_else() -> None:
    query = Query("billing", "select", ("b", "a"))
    assert values_of(query, "it", {"a": "1", "b": "2"}) == ["2", "1"]
    for given in ({"a": "1"}, {"a": "1", "b": "2", "c": "3"}):
        with pytest.raises(ApplicationError, match="takes the parameters b, a"):
            values_of(query, "it", given)


@pytest.mark.parametrize(
    ("url", "header", "value"),
    [
        ("https://bearer:t%2F1@h.example/", "authorization", "Bearer t/1"),
        ("https://x-api-key:k@h.example/", "x-api-key", "k"),
    ],
)
async def test_how_a_connection_makes_itself_known(url: str, header: str, value: str) -> None:
    async with named_client(url) as client:
        assert client.headers[header] == value
        assert client.base_url.userinfo == b""


async def test_a_token_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    url = f"https://bearer-file:{str(token).replace('/', '%2F')}@h.example/"
    with pytest.raises(ApplicationError, match="cannot be read"):
        named_client(url)
    for said in ("one", "two"):
        token.write_text(f"{said}\n")
        async with named_client(url) as client:
            assert client.headers["authorization"] == f"Bearer {said}"


GOOD = {
    "QuickBooksPriceSyncWorkflow": catalog.prices(),
    "HubSpotDealSyncWorkflow": catalog.deals(),
    "HubSpotInvoiceSyncWorkflow": catalog.listed("hubspot"),
    "HubSpotQuoteSyncWorkflow": catalog.listed("hubspot"),
    "NomodInvoiceSyncWorkflow": catalog.listed("nomod"),
    "MoyasarInvoiceSyncWorkflow": catalog.listed("moyasar"),
    "TaskProcessingWorkflow": catalog.task(),
    "TaskProcessingWithProgressWorkflow": catalog.task(),
    "ExecuteExportWorkflow": catalog.export(),
    "ReprocessEventsWorkflow": catalog.reprocess(),
    "CustomerOnboardingWorkflow": catalog.onboarding(),
    "ProcessSubscriptionBillingWorkflow": catalog.billing(subscription_id="s"),
    "ProcessInvoiceWorkflow": catalog.billing(invoice_id="i"),
    "ScheduleSubscriptionBillingWorkflow": catalog.billing(),
    "BillingWorkflow": catalog.billing(),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_input_has_no_problems_and_a_wrong_one_is_told_by_field(name: str) -> None:
    assert Registry().problems(name, [GOOD[name]]) == []
    for wrong in ({"tenant_id": ""}, {"environment_id": "x" * 300}):
        (problem,) = Registry().problems(name, [GOOD[name] | wrong])
        assert problem.path == (0, *wrong)


@pytest.mark.parametrize(
    ("name", "changes", "path"),
    [
        ("QuickBooksPriceSyncWorkflow", {"income_account": "1'"}, ("income_account",)),
        ("HubSpotDealSyncWorkflow", {"stages": "active"}, ("stages",)),
        ("HubSpotInvoiceSyncWorkflow", {"id_property": "Not a name"}, ("id_property",)),
        ("NomodInvoiceSyncWorkflow", {"success_url": "http://plain"}, ("success_url",)),
        ("TaskProcessingWorkflow", {"report": {"connection": "files", "path": "../x"}}, ("report", "path")),
        ("ExecuteExportWorkflow", {"file": {"connection": "files", "path": "a//b"}}, ("file", "path")),
        ("ReprocessEventsWorkflow", {"statuses": ["processed"]}, ("statuses",)),
        ("ReprocessEventsWorkflow", {"target": {"url": "http://u:p@host/"}}, ("target", "url")),
        ("CustomerOnboardingWorkflow", {"interval": "week"}, ("interval",)),
        ("BillingWorkflow", {"concurrency": 0}, ("concurrency",)),
        ("BillingWorkflow", {"books": {"connection": "demo", "schema": "x; drop"}}, ("books", "schema")),
    ],
)
def test_what_the_types_cannot_say(name: str, changes: dict[str, Any], path: tuple[str, ...]) -> None:
    assert [each.path for each in Registry().problems(name, [GOOD[name] | changes])] == [(0, *path)]
