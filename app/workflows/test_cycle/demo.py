"""A small bank to try the test cycle on, in the schema `test_cycle`: cycle 123 over three reports.

Its attributes are drafted already, so that the cycle can run without a language model. Some records are wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import asyncpg

from app.workflows.test_cycle.model import Attribute, Rule
from app.workflows.test_cycle.tables import SCHEMA

CYCLE = 123
MANAGER = "manager@bank.example"
_RECORDS = 60

_RECORD_TABLES = """
create table if not exists test_cycle.loans (
    loan_id text primary key, borrower text, amount numeric, currency text, days_past_due integer
);
create table if not exists test_cycle.deposits (
    deposit_id text primary key, customer text, balance numeric, currency text
);
create table if not exists test_cycle.counterparties (
    counterparty_id text primary key, legal_name text, country text, rating text
);
"""


@dataclass(frozen=True)
class DemoReport:
    report_id: int
    name: str
    table: str
    key: str
    owners: tuple[tuple[str, str], ...]
    attributes: tuple[Attribute, ...]


def _required(name: str, risk: int) -> Attribute:
    return Attribute(name, Rule("required"), risk, "A report without it says nothing.")


_CURRENCY = Attribute("currency", Rule("one_of", values=("EUR", "GBP", "USD")), 3, "Others are not reported.")

REPORTS = (
    DemoReport(
        1,
        "Loans",
        "loans",
        "loan_id",
        (("*", "loans@bank.example"), ("days_past_due", "collections@bank.example")),
        (
            _required("borrower", 4),
            Attribute("amount", Rule("range", minimum=0.0), 5, "A loan is never negative."),
            _CURRENCY,
            Attribute("days_past_due", Rule("range", minimum=0.0, maximum=3650.0), 4, "Ten years are written off."),
        ),
    ),
    DemoReport(
        2,
        "Deposits",
        "deposits",
        "deposit_id",
        (("*", "deposits@bank.example"),),
        (
            _required("customer", 4),
            Attribute("balance", Rule("range", minimum=-1000.0), 5, "Overdrafts end at 1000."),
            _CURRENCY,
        ),
    ),
    DemoReport(
        3,
        "Counterparties",
        "counterparties",
        "counterparty_id",
        (("*", "risk@bank.example"),),
        (
            _required("legal_name", 5),
            Attribute("country", Rule("length", maximum=2.0), 2, "Two letters, as ISO 3166 has them."),
            Attribute("rating", Rule("one_of", values=("A", "B", "C", "D")), 1, "There are four grades."),
        ),
    ),
)


async def seed(connection_url: str, tenant: str = "default", environment: str = "default") -> None:
    """Create what is absent and leave the rest alone; safe for any number at once.

    Raises asyncpg's errors and OSError.
    """
    connection = await asyncpg.connect(connection_url, timeout=10, command_timeout=30)  # type: ignore[no-untyped-call]
    try:
        async with connection.transaction():
            # `create ... if not exists` of two sessions at once can fail; the lock ends with the transaction.
            await connection.execute("select pg_advisory_xact_lock(hashtext('test_cycle'))")
            await connection.execute("set local client_min_messages = warning")
            await connection.execute(SCHEMA.format(schema="test_cycle") + _RECORD_TABLES)
            for table, rows in _rows((tenant, environment)):
                places = ", ".join(f"${place}" for place in range(1, len(rows[0]) + 1))
                await connection.executemany(
                    f"insert into test_cycle.{table} values ({places}) on conflict do nothing", rows
                )
    finally:
        await connection.close(timeout=5)


def _rows(of: tuple[str, str]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    yield "cycles", [(*of, CYCLE, "First quarter", MANAGER)]
    yield "reports", [(*of, each.report_id, each.name, f"test_cycle.{each.table}", each.key) for each in REPORTS]
    yield "data_owners", [(*of, each.report_id, *owner) for each in REPORTS for owner in each.owners]
    yield (
        "attributes",
        [
            (*of, CYCLE, each.report_id, "demo", a.name, json.dumps(asdict(a.rule)), a.risk, a.rationale, None, None)
            for each in REPORTS
            for a in each.attributes
        ],
    )
    numbers = range(1, _RECORDS + 1)
    currencies = ("EUR", "GBP", "USD")
    yield (
        "loans",
        [
            (
                f"L-{n:04}",
                f"Borrower {n}",
                -1 if n % 20 == 0 else 1000 * n,
                currencies[n % 3],
                4000 if n % 7 == 0 else n,
            )
            for n in numbers
        ],
    )
    yield (
        "deposits",
        [(f"D-{n:04}", None if n % 15 == 0 else f"Customer {n}", 10 * n, currencies[n % 3]) for n in numbers],
    )
    yield (
        "counterparties",
        [(f"C-{n:04}", f"Company {n}", "Germany" if n % 10 == 0 else "DE", "ABCD"[n % 4]) for n in numbers],
    )
