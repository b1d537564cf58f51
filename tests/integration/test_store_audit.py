from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from app.store import Audit, Database
from app.store.audit import AuditEntry


async def test_an_act_is_recorded(db: Database) -> None:
    entry = AuditEntry(
        identity="tom",
        action="terminateWorkflow",
        outcome="OK",
        namespace="default",
        workflow_id="order-1",
        run_id="run-1",
        tenant="acme",
        environment="production",
        request_id="r-1",
        detail={"reason": "stuck"},
    )
    await Audit(db).record(entry)
    row = await db.fetchrow("select * from audit")
    assert row is not None
    assert {name: row[name] for name in entry.__slots__} == {name: getattr(entry, name) for name in entry.__slots__}
    assert row["at"] is not None


@pytest.mark.parametrize("statement", ["update audit set identity = 'eve'", "delete from audit"])
async def test_an_act_cannot_be_changed_or_undone(db: Database, owner: Any, statement: str) -> None:
    await Audit(db).record(AuditEntry("tom", "startWorkflow", "OK"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await db.execute(statement)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await owner.execute(statement)
