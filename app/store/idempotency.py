"""Keys of requests that may be repeated: what was asked with each, and what came of it.

Claiming a key and concluding an act are one statement each, together with the entry of the audit, so that an act costs
two round trips and either all of it is written down or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.model import Json
from app.store.audit import COLUMNS, Audit, AuditEntry, placeholders, values_of
from app.store.database import Database, Row


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a tenant, and what is asked with it. `digest` is of the input in its canonical form."""

    tenant: str
    environment: str
    key: str
    mutation: str
    digest: bytes


class Standing(StrEnum):
    MINE = "MINE"
    """To be worked on by who asked."""
    BUSY = "BUSY"
    """Somebody else works on it."""
    DONE = "DONE"
    MISMATCH = "MISMATCH"
    """It was used for something else."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How a key stands. `position` is that of the act in the audit; `is_again` where an earlier attempt may have
    acted."""

    standing: Standing
    position: int
    request_id: str
    plan: Mapping[str, Json]
    outcome: Mapping[str, Json] | None = None
    is_again: bool = False


_CLAIM = f"""
with entry as (
    insert into audit ({COLUMNS}) select {placeholders(12)} where $11::bigint is null returning position
), taken as (
    insert into idempotency as held (tenant, environment, key, mutation, digest, request_id, plan, leased_until,
        namespace, workflow_id, holder)
    values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8), $9, $10, $6)
    on conflict (tenant, environment, key) do update set
        holder = excluded.holder, leased_until = excluded.leased_until, attempts = held.attempts + 1
    where held.outcome is null and held.leased_until <= now()
        and (held.mutation, held.digest) = (excluded.mutation, excluded.digest)
    returning *
), shown as (
    select * from taken
    union all
    select * from idempotency where (tenant, environment, key) = ($1, $2, $3) and not exists (select from taken)
)
select coalesce($11, (select position from entry)) as position, shown.*
from (select) as always left join shown on true
"""

# Its commit does not wait for the disk: what a crash of Postgres takes of the last moment, the next request with the
# key finds again, and the audit then shows an act without outcome. The claim's commit waits.
_CONCLUDE = f"""
with concluded as (
    update idempotency set outcome = coalesce(outcome, $5), credited = credited or $7
    where (tenant, environment, key) = ($1, $2, $3) and request_id = $4 and $5::jsonb is not null
        and (outcome is null or ($7 and not credited))
    returning 1
), noted as (
    insert into audit ({COLUMNS}, concludes) values ({placeholders(8)}, $6)
    on conflict (concludes) where concludes is not null do nothing
)
select case when $3::text is null or exists (select from concluded) then $7 else false end,
    set_config('synchronous_commit', 'off', true)
"""

_PRUNE = """
with due as (
    select tenant, environment, key from idempotency k
    where claimed_at < now() - $1::double precision * interval '1 day' and leased_until < now() and not exists (
        select from executions e where (e.namespace, e.workflow_id) = (k.namespace, k.workflow_id)
            and e.status in ('RUNNING', 'PAUSED'))
    order by claimed_at limit $2
)
delete from idempotency k using due
where (k.tenant, k.environment, k.key) = (due.tenant, due.environment, due.key)
"""


class Idempotency:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database.everywhere
        self._audit = Audit(database)

    async def find(self, key: Key) -> bool:
        """Whether the key has been used, for whatever it was."""
        found: bool = await self._database.fetchval(
            "select exists (select from idempotency where (tenant, environment, key) = ($1, $2, $3))",
            *_scope(key),
        )
        return found

    async def claim(
        self,
        key: Key | None,
        entry: AuditEntry,
        *,
        request_id: str,
        plan: Mapping[str, Json],
        lease: float,
        starts: tuple[str, str] | None = None,
        position: int | None = None,
    ) -> Claim:
        """Take the key, or learn how it stands; the entry goes into the audit unless it stands at `position` already.

        For `lease` seconds nobody else is given it. `starts` is the namespace and workflow id of the run that it
        starts. A key that was there keeps its request id and its plan; `request_id` is then only who holds it.
        """
        if key is None:
            position = await self._audit.record(entry)
            assert position is not None
            return Claim(Standing.MINE, position, request_id, plan)
        while True:
            row = await self._database.fetchrow(
                _CLAIM,
                *(*_scope(key), key.mutation, key.digest, request_id, plan, lease),
                *(starts or (None, None)),
                position,
                *values_of(entry),
            )
            assert row is not None
            position = row["position"]
            # It was taken or let go of between the two looks at it: look again.
            if row["key"] is not None:
                return _claim_of(row, key, request_id)

    async def conclude(
        self,
        key: Key | None,
        request_id: str,
        outcome: Mapping[str, Json] | None,
        entry: AuditEntry,
        position: int,
        *,
        created: bool = False,
    ) -> bool:
        """Write down how an act ended. Written once, however often it is tried. Of all requests with a key that
        `created` something, one is told so: whether this is it."""
        scope = _scope(key) if key else (None, None, None)
        arguments = (*scope, request_id, outcome, position, created, *values_of(entry))
        return bool(await self._database.fetchval(_CONCLUDE, *arguments))

    async def let_go(self, key: Key, holder: str, *, untouched: bool) -> None:
        """Let others work on the key. `untouched`: this attempt has not acted, and a key with which nobody may have
        acted is free for anything."""
        scope = _scope(key)
        async with self._database.transaction() as connection:
            await connection.execute(
                "update idempotency set attempts = attempts - $4,"
                " leased_until = case when holder = $5 then now() else leased_until end"
                " where (tenant, environment, key) = ($1, $2, $3) and outcome is null",
                *(*scope, int(untouched), holder),
            )
            await connection.execute(
                "delete from idempotency where (tenant, environment, key) = ($1, $2, $3) and attempts = 0", *scope
            )

    async def prune(self, days: float, limit: int = 1000) -> int:
        """Forget up to `limit` keys that are older, but none whose run is open; how many those were."""
        tag = await self._database.execute(_PRUNE, days, limit)
        return int(tag.rpartition(" ")[2])


def _scope(key: Key) -> tuple[str, str, str]:
    return key.tenant, key.environment, key.key


def _claim_of(row: Row, key: Key, holder: str) -> Claim:
    if (row["mutation"], row["digest"]) != (key.mutation, key.digest):
        standing = Standing.MISMATCH
    elif row["outcome"] is not None:
        standing = Standing.DONE
    else:
        standing = Standing.MINE if str(row["holder"]) == holder else Standing.BUSY
    return Claim(
        standing=standing,
        position=row["position"],
        request_id=str(row["request_id"]),
        plan=row["plan"],
        outcome=row["outcome"],
        is_again=row["attempts"] > 1,
    )
