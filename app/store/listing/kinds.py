"""Lists sorted by type or status: kind by kind, each kind by its own index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.store.listing.conditions import Conditions
from app.store.listing.order import Key, order_by, reverse

if TYPE_CHECKING:
    from app.store.listing.window import Listing, Position

OF_KINDS = {"workflow_type", "status"}


def is_by_kind(listing: Listing, keys: Sequence[Key]) -> bool:
    """Whether no index has this order, or has no place in it for the listing's position."""
    if keys[0].column not in OF_KINDS or [key.column for key in keys[1:]] != ["start_time", "run_id"]:
        return False
    return keys[0].descending is keys[1].descending or listing.after is not None or listing.before is not None


def by_kind(columns: Sequence[str], listing: Listing, listed: Conditions, keys: Sequence[Key]) -> str:
    """The runs of the first kind, then those of the next, as far as the window goes; `listed` is its filter.

    The indexes on (kind, start_time desc) do not have the kinds the other way round; so the kinds, which are few and
    kept in `execution_totals`, are put in order first.
    """
    kind, *rest = reverse(keys) if listing.from_end else keys
    kinds, runs = listed.within(), listed.within()
    runs.add(listed.all)
    runs.add(f"{kind.column} = kinds.kind")
    for position, way in ((listing.after, keys), (listing.before, reverse(keys))):
        if position is not None:
            _bound(kinds, runs, way, position)
    enough = listed.name(listing.limit + 1 + listing.offset)
    return (
        f"select {', '.join(f'e.{column}' for column in columns)} from ("
        f"select {kind.column} as kind from execution_totals {kinds.where} group by 1 having sum(runs) > 0"
        f" order by {order_by([kind])}) kinds cross join lateral ("
        f"select * from executions {runs.where} order by {order_by(rest)} limit {enough}"
        f") e order by {order_by([Key('kinds.kind', kind.descending), *rest])}"
    )


def _bound(kinds: Conditions, runs: Conditions, keys: Sequence[Key], position: Position) -> None:
    """Only what stands behind the position: of its own kind the rest, of the kinds behind everything."""
    kind, start, _ = keys
    its = kind.value(runs, position)
    kinds.add(f"{kind.column} {'<' if kind.descending else '>'}= {its}")
    sign, beyond = ("<", "infinity") if start.descending else (">", "-infinity")
    runs.add(
        f"(start_time, run_id) {sign} (case when kinds.kind = {its} then {runs.name(position.start_time)}::timestamptz"
        f" else '{beyond}' end, case when kinds.kind = {its} then {runs.name(position.run_id)}::text else '' end)"
    )
