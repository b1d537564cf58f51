"""One report of a cycle in its database: what each phase reads and writes. Doing it twice is as doing it once."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from app.workflows.failures import not_found_error, validation_error
from app.workflows.outbound import Connections
from app.workflows.systems import PostgresSystem, postgres_system, quoted
from app.workflows.test_cycle.model import Attribute, Columns, ReportRef, ReportResult, Rule, Tested
from app.workflows.test_cycle.phases import TestCyclePhase
from app.workflows.test_cycle.rules import keeps, rule_of, severity
from app.workflows.test_cycle.tables import CLEARED

_SOURCE = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_MINE = "tenant_id = $1 and environment_id = $2 and cycle_id = $3 and report_id = $4"
_KEY = "tenant_id, environment_id, cycle_id, report_id"


@asynccontextmanager
async def open_report(ref: ReportRef, connections: Connections) -> AsyncIterator[Report]:
    """Raises ApplicationError."""
    async with postgres_system(connections, ref.connection) as system:
        yield Report(ref, system)


class Report:
    """Every method raises ApplicationError."""

    def __init__(self, ref: ReportRef, system: PostgresSystem) -> None:
        self._ref = ref
        self._system = system
        self._key = (ref.tenant_id, ref.environment_id, ref.cycle_id, ref.report_id)
        self._schema = f'"{ref.schema_name}"'

    async def columns(self) -> Columns:
        name, source, _ = await self._source()
        rows = await self._rows(
            """select column_name || ' ' || data_type as shown from information_schema.columns
               where table_schema = $1 and table_name = $2 order by ordinal_position""",
            *source.split("."),
        )
        return Columns(name, tuple(row["shown"] for row in rows))

    async def save(self, attributes: Sequence[Attribute]) -> int:
        """Write a draft; attributes that are there stay as they are. How many are new."""
        return await self._count(
            f"""with written as (
                insert into {self._schema}.attributes ({_KEY}, made_by, name, rule, risk, rationale)
                select $1, $2, $3, $4, $5, name, rule::jsonb, risk, rationale
                from unnest($6::text[], $7::text[], $8::integer[], $9::text[]) as draft (name, rule, risk, rationale)
                on conflict do nothing returning 1
            ) select count(*) from written""",
            *(*self._key, self._ref.made_by),
            [each.name for each in attributes],
            [json.dumps(asdict(each.rule)) for each in attributes],
            [each.risk for each in attributes],
            [each.rationale for each in attributes],
        )

    async def scope(self, lowest_risk: int) -> int:
        """Decide which attributes are tested; what people have decided stays. How many are in scope."""
        await self._rows(
            f"""update {self._schema}.attributes set in_scope = risk >= $5, scoped_by = $6
                where {_MINE} and in_scope is null""",
            *(*self._key, lowest_risk, self._ref.made_by),
        )
        return len(await self._in_scope())

    async def sample(self, size: int) -> int:
        """Choose records, the same ones whenever the cycle is repeated. How many there are."""
        _, source, key = await self._source()
        return await self._count(
            f"""with chosen as (
                select "{key}"::text as record_key from {quoted(source)}
                where "{key}" is not null order by md5($3::integer || "{key}"::text), 1 limit $6
            ), written as (
                insert into {self._schema}.samples ({_KEY}, made_by, record_key)
                select $1, $2, $3, $4, $5, record_key from chosen on conflict do nothing
            ) select count(*) from chosen""",
            *(*self._key, self._ref.made_by, size),
        )

    async def assign_owners(self) -> int:
        """Say who answers for each attribute. How many people do."""
        attributes = await self._in_scope()
        known = {
            row["column_name"]: row["email"]
            for row in await self._rows(
                f"""select column_name, email from {self._schema}.data_owners
                    where tenant_id = $1 and environment_id = $2 and report_id = $3""",
                *(self._ref.tenant_id, self._ref.environment_id, self._ref.report_id),
            )
        }
        emails = {name: known.get(name, known.get("*")) for name in attributes}
        if nobodys := sorted(name for name, email in emails.items() if email is None):
            raise not_found_error(
                f"Nobody owns {', '.join(nobodys)} of report {self._ref.report_id}: add them to data_owners, "
                "or one with the column *."
            )
        await self._rows(
            f"""insert into {self._schema}.owners ({_KEY}, made_by, attribute, email)
                select $1, $2, $3, $4, $5, * from unnest($6::text[], $7::text[]) on conflict do nothing""",
            *(*self._key, self._ref.made_by, list(emails), list(emails.values())),
        )
        return len(set(emails.values()))

    async def request(self) -> dict[str, list[str]]:
        """Note what each owner is asked about; the attributes by address."""
        rows = await self._rows(
            f"""insert into {self._schema}.requests ({_KEY}, made_by, email, attributes)
                select $1, $2, $3, $4, $5, email, array_agg(attribute order by attribute)
                from {self._schema}.owners where {_MINE} group by email
                on conflict ({_KEY}, email) do update set attributes = excluded.attributes
                returning email, attributes""",
            *(*self._key, self._ref.made_by),
        )
        if not rows:
            raise not_found_error(f"Report {self._ref.report_id} of cycle {self._ref.cycle_id} has no owners to ask.")
        return {row["email"]: list(row["attributes"]) for row in sorted(rows, key=lambda each: each["email"])}

    async def samples(self) -> int:
        return await self._count(f"select count(*) from {self._schema}.samples where {_MINE}", *self._key)

    async def test(self, position: Tested, limit: int) -> Tested:
        """Test the next records behind a position."""
        _, source, key = await self._source()
        rules = await self._in_scope()
        if unusable := [name for name in rules if not _COLUMN.fullmatch(name)]:
            raise validation_error(f"{', '.join(unusable)} cannot be the name of a column.")
        values = ", ".join(f'record."{name}"::text as "{name}"' for name in rules)
        rows = await self._rows(
            f"""select sample.record_key as tested_record, {values} from {self._schema}.samples sample
                left join {quoted(source)} record on record."{key}"::text = sample.record_key
                where {_MINE_SAMPLES} and ($5::text is null or sample.record_key > $5)
                order by sample.record_key limit $6""",
            *(*self._key, position.last_key, limit),
        )
        found = [
            (row["tested_record"], name, row[name], keeps(rule, row[name]))
            for row in rows
            for name, rule in rules.items()
        ]
        await self._save_results(found)
        return Tested(
            records=position.records + len(rows),
            tests=position.tests + len(found),
            failed=position.failed + sum(not passed for *_, passed in found),
            last_key=rows[-1]["tested_record"] if rows else position.last_key,
            finished=len(rows) < limit,
        )

    async def observe(self) -> int:
        """Turn failed tests into observations. How many there are."""
        rows = await self._rows(
            f"""select attribute, count(*) filter (where not passed)::integer as failed, count(*)::integer as tests
                from {self._schema}.results where {_MINE} group by attribute having bool_or(not passed)""",
            *self._key,
        )
        await self._rows(
            f"""insert into {self._schema}.observations ({_KEY}, made_by, attribute, failed, tests, severity)
                select $1, $2, $3, $4, $5, * from unnest($6::text[], $7::integer[], $8::integer[], $9::text[])
                on conflict ({_KEY}, attribute) do update
                set failed = excluded.failed, tests = excluded.tests, severity = excluded.severity""",
            *(*self._key, self._ref.made_by),
            [row["attribute"] for row in rows],
            [row["failed"] for row in rows],
            [row["tests"] for row in rows],
            [severity(row["failed"], row["tests"]) for row in rows],
        )
        return len(rows)

    async def conclude(self) -> ReportResult:
        """Write the final report."""
        (row,) = await self._rows(
            f"""select
                (select count(*) from {self._schema}.attributes where {_MINE} and in_scope) as attributes,
                (select count(*) from {self._schema}.samples where {_MINE}) as samples,
                (select count(*) from {self._schema}.results where {_MINE}) as tests,
                (select count(*) from {self._schema}.results where {_MINE} and not passed) as failed_tests,
                (select count(*) from {self._schema}.observations where {_MINE}) as observations""",
            *self._key,
        )
        result = ReportResult(report_id=self._ref.report_id, **dict(row))
        await self._rows(
            f"""insert into {self._schema}.final_reports ({_KEY}, made_by, content)
                values ($1, $2, $3, $4, $5, $6::jsonb)
                on conflict ({_KEY}) do update
                set content = excluded.content, made_by = excluded.made_by, written_at = now()""",
            *(*self._key, self._ref.made_by, json.dumps(asdict(result))),
        )
        return result

    async def undo(self, phase: TestCyclePhase) -> int:
        """Take back what this run has written in a phase. How many rows."""
        if phase is TestCyclePhase.SCOPING:
            change = (
                f"update {self._schema}.attributes set in_scope = null, scoped_by = null where {_MINE} and scoped_by"
            )
        else:
            change = f"delete from {self._schema}.{CLEARED[phase]} where {_MINE} and made_by"
        return await self._count(
            f"with undone as ({change} = $5 returning 1) select count(*) from undone", *(*self._key, self._ref.made_by)
        )

    async def _source(self) -> tuple[str, str, str]:
        """The report's name, its table and the key of its records."""
        rows = await self._rows(
            f"""select name, source_table, key_column from {self._schema}.reports
                where tenant_id = $1 and environment_id = $2 and report_id = $3""",
            *(self._ref.tenant_id, self._ref.environment_id, self._ref.report_id),
        )
        if not rows:
            raise not_found_error(
                f"There is no report {self._ref.report_id} in environment {self._ref.environment_id!r} of tenant "
                f"{self._ref.tenant_id!r}."
            )
        name, source, key = rows[0]["name"], rows[0]["source_table"], rows[0]["key_column"]
        if not _SOURCE.fullmatch(source) or not _COLUMN.fullmatch(key):
            raise validation_error(
                f"Report {self._ref.report_id} must have a source_table such as schema.table and a key_column, of a-z, "
                f"0-9 and _; it has {source!r} and {key!r}."
            )
        return name, source, key

    async def _in_scope(self) -> dict[str, Rule]:
        rows = await self._rows(
            f"select name, rule::text from {self._schema}.attributes where {_MINE} and in_scope order by name",
            *self._key,
        )
        if not rows:
            raise not_found_error(
                f"Report {self._ref.report_id} of cycle {self._ref.cycle_id} has no attributes in scope: "
                "let planning draft some, or add them to the table attributes."
            )
        return {row["name"]: rule_of(json.loads(row["rule"])) for row in rows}

    async def _save_results(self, found: Sequence[tuple[str, str, str | None, bool]]) -> None:
        keys, names, values, passed = (list(column) for column in zip(*found, strict=True)) if found else ([],) * 4
        await self._rows(
            f"""insert into {self._schema}.results ({_KEY}, made_by, record_key, attribute, value, passed)
                select $1, $2, $3, $4, $5, * from unnest($6::text[], $7::text[], $8::text[], $9::boolean[])
                on conflict ({_KEY}, record_key, attribute) do update
                set value = excluded.value, passed = excluded.passed, made_by = excluded.made_by""",
            *(*self._key, self._ref.made_by, keys, names, values, passed),
        )

    async def _rows(self, query: str, *values: Any) -> Sequence[Any]:
        return await self._system.rows(query, *values)

    async def _count(self, query: str, *values: Any) -> int:
        count: int = await self._system.value(query, *values)
        return count


_MINE_SAMPLES = " and ".join(f"sample.{each}" for each in _MINE.split(" and "))
