"""Lists that no index has in their order: the newest runs are looked at first, some hundreds or thousands of them.

Where that fills the window it is all; where it does not, every run that the filter may have is found by the other
indexes, and sorted. So a filter that many runs meet costs a short walk, and one that few meet a short sort, without
Postgres having to know which it is: about words, and about conditions that hold together, it can only guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.store.listing.attributes import Attribute, attribute_of, scope_of
from app.store.listing.conditions import Conditions
from app.store.listing.filter import Filter
from app.store.listing.order import Key, behind, order_by, reverse

if TYPE_CHECKING:
    from app.store.listing.window import Listing

_OF_ONE_VALUE = 500
"""Runs with a value that are looked up one by one."""
_NEWEST = 2000
"""Runs that are read in a row."""
_POINTED = ("workflow_id", "run_id", "first_run_id", "parent", "root")
"""What few runs have in common: their own indexes find them at once."""


def is_walked(listing: Listing, keys: Sequence[Key]) -> bool:
    """Whether a walk may find the window before anything else does."""
    filter_ = listing.filter
    return (
        [key.column for key in keys] == ["start_time", "run_id"]
        and listing.offset == 0
        and all(getattr(filter_, name) is None for name in _POINTED)
        and (attribute_of(filter_) is not None or any(map(_is_guessed, _held(filter_))))
    )


def _held(filter_: Filter) -> Iterator[Filter]:
    """The filter and its parts that must hold too."""
    yield filter_
    for part in filter_.every:
        yield from _held(part)


def _is_guessed(filter_: Filter) -> bool:
    return any(
        each is not None for each in (filter_.words, filter_.workflow_id_contains, filter_.failure_message_contains)
    )


def walked(columns: Sequence[str], listing: Listing, listed: Conditions, keys: Sequence[Key]) -> str:
    """What the walk finds, or else the whole list; `listed` is its filter."""
    attribute = attribute_of(listing.filter)
    most = _NEWEST if attribute is None else _OF_ONE_VALUE
    way = reverse(keys) if listing.from_end else keys
    wanted, enough = ", ".join(columns), listed.name(listing.limit + 1)
    passed = _passed(listing, listed, keys, attribute, f"order by {order_by(way)} limit {most}")
    rest = _bounded(listing, listed, keys)
    rest.add(listed.all)
    rest.add("not (select yes from is_all)")
    return (
        f"with found as materialized (select {', '.join(f'e.{column}' for column in columns)}"
        f" from {_met(wanted, listed, passed, attribute)} order by {_as_passed(way)} limit {enough}),"
        f" is_all as materialized (select (select count(*) from found) >= {enough}"
        f" or (select count(*) from ({passed}) passed) < {most} as yes)"
        f" select {wanted} from found where (select yes from is_all)"
        f" union all (select {wanted} from executions {rest.where} order by {order_by(way)} limit {enough})"
    )


def _as_passed(way: Sequence[Key]) -> str:
    return order_by([replace(key, column=f"passed.{key.column}") for key in way])


def _passed(listing: Listing, listed: Conditions, keys: Sequence[Key], attribute: Attribute | None, so_far: str) -> str:
    """What the walk goes by: an index in the order of the list, read from the window's edge on."""
    passed = _bounded(listing, listed, keys)
    if attribute is not None:
        attribute.condition(passed)
        passed.any_of("namespace", listing.filter.namespaces)
        return f"select start_time, run_id, namespace from attributes {passed.where} {so_far}"
    if scope := scope_of(listing.filter):
        passed.add("(tenant = {} and environment = {})", *scope)
    return f"select * from executions {passed.where} {so_far}"


def _met(wanted: str, listed: Conditions, passed: str, attribute: Attribute | None) -> str:
    """The passed runs that meet the whole filter, as `e`."""
    if attribute is None:
        runs = f"select {wanted} from (select passed.*) itself where {listed.all}"
    else:
        runs = (
            f"select {wanted} from executions"
            f" where run_id = passed.run_id and namespace = passed.namespace and {listed.all}"
        )
    return f"({passed}) passed cross join lateral ({runs}) e"


def _bounded(listing: Listing, listed: Conditions, keys: Sequence[Key]) -> Conditions:
    """Only what stands in the window, as far as its start says so."""
    bounded, filter_ = listed.within(), listing.filter
    if listing.after is not None:
        behind(bounded, keys, listing.after)
    if listing.before is not None:
        behind(bounded, reverse(keys), listing.before)
    if filter_.started_after is not None:
        bounded.add("start_time >= {}", filter_.started_after)
    if filter_.started_before is not None:
        bounded.add("start_time < {}", filter_.started_before)
    return bounded
