"""Which Temporal namespace the index was made from, by its id."""

from __future__ import annotations

from collections.abc import Sequence

from app.store.database import Database


class Sources:
    """Every method raises as `Database` does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, namespace: str, namespace_id: str) -> str:
        """The id of the namespace that the index is of: from now on this one, where it was of none."""
        held: str | None = await self._database.fetchval(
            "with claimed as (insert into sources (namespace, namespace_id) values ($1, $2)"
            " on conflict (namespace) do nothing returning namespace_id)"
            " select namespace_id from claimed union all select namespace_id from sources where namespace = $1",
            namespace,
            namespace_id,
        )
        # Another process claimed it at this moment: the next look sees its id.
        return held or namespace_id

    async def accept(self, namespace: str, namespace_id: str) -> None:
        """Go over to another namespace of the same name, and read it from its beginning."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "update sources set namespace_id = $2, first_seen_at = now(), refused = null, refused_at = null"
                " where namespace = $1",
                namespace,
                namespace_id,
            )
            await connection.execute("delete from watermarks where namespace = $1", namespace)

    async def tell(self, namespace: str, refused: str | None) -> None:
        """Why the namespace is not followed now; None where it is."""
        await self._database.execute(
            "update sources set refused = $2, refused_at = case when $2::text is null then null else now() end"
            " where namespace = $1 and refused is distinct from $2",
            namespace,
            refused,
        )

    async def refusals(self, namespaces: Sequence[str]) -> dict[str, str]:
        """Those of the namespaces that are not followed now, and why."""
        rows = await self._database.fetch(
            "select namespace, refused from sources where refused is not null and namespace = any($1)",
            list(namespaces),
        )
        return {row["namespace"]: row["refused"] for row in rows}
