"""Records posted one by one to an endpoint, each with a key by which a second post of it changes nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from app.workflows.sync.ends import Record, Remote
from app.workflows.sync.model import Outcome
from app.workflows.systems import HttpSystem


class PostDestination(Remote):
    """`POST url` with the record as JSON. The header `Idempotency-Key` is the same whenever the same record comes
    again; the answer is 201 for one that was created, 208 for one that was known, another of 2xx otherwise."""

    batch = 1

    def __init__(self, system: HttpSystem, scope: str, key: Sequence[str] = ()) -> None:
        self._system = system
        self._scope = scope
        self._key = tuple(key)

    def key(self, record: Record) -> str | None:
        return "/".join(str(record.get(each)) for each in self._key) or None

    async def upsert(self, records: Sequence[Record]) -> Sequence[Outcome]:
        return [await self._post(each) for each in records]

    async def _post(self, record: Record) -> Outcome:
        identity = f"{self._scope}\n{self.key(record) or json.dumps(record, sort_keys=True, default=str)}"
        headers = {"Idempotency-Key": str(uuid.uuid5(uuid.NAMESPACE_OID, identity))}
        response = await self._system.answer("POST", json=dict(record), headers=headers)
        if response.status_code == 201:
            return "created"
        return "unchanged" if response.status_code == 208 else "updated"
