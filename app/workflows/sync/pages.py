"""PURE. How an HTTP source leads from page to page.

- `cursor`: `?limit=&cursor=`, and `next_cursor` in the answer, null at the end
- `page`: `?page=&page_size=`, from 1; `total_pages` or `next` in the answer says whether there is another, else a page
  that is not full is the last one
- `link`: `?limit=` first, then the address of `rel="next"` in the Link header

An answer is a list of records, or an object with the list as `items`, `results` or `data`, and optionally `total` or
`count`, the number of all records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import httpx

from app.workflows.failures import validation_error
from app.workflows.sync.ends import Page

Style = Literal["cursor", "page", "link"]

_LISTS = ("items", "results", "data")
_TOTALS = ("total", "count")


def asked(style: Style, cursor: str | None, limit: int) -> dict[str, str]:
    """The parameters of the page behind `cursor`."""
    if style == "page":
        return {"page": cursor or "1", "page_size": str(limit)}
    return {"limit": str(limit)} | ({} if cursor is None or style == "link" else {"cursor": cursor})


def total_of(body: Any, name: str) -> int | None:
    """The number of all records. Raises ValidationError."""
    for key in _TOTALS:
        total = body.get(key) if isinstance(body, dict) else None
        if total is not None:
            if not isinstance(total, int) or isinstance(total, bool) or total < 0:
                raise validation_error(f"{name}: {key} must be a whole number, not {total!r}.")
            return total
    return None


def page_of(style: Style, response: httpx.Response, body: Any, cursor: str | None, limit: int, name: str) -> Page:
    """Read an answer. Raises ValidationError naming what is wrong with it."""
    records = _records(body, name)
    following = _FOLLOWING[style](response, body, cursor, len(records) == limit, name)
    if following is not None and following == cursor:
        raise validation_error(f"{name} leads from {cursor!r} to itself.")
    return Page(records, following)


def _records(body: Any, name: str) -> list[Mapping[str, Any]]:
    found = body
    if isinstance(body, dict):
        found = next((body[key] for key in _LISTS if key in body), None)
    if not isinstance(found, list):
        raise validation_error(f"{name} must answer a list of records, or an object with it as {' or '.join(_LISTS)}.")
    for index, record in enumerate(found):
        if not isinstance(record, dict):
            raise validation_error(f"{name}: record {index} must be an object, not {record!r}.")
    return found


def _by_cursor(_: httpx.Response, body: Any, __: str | None, ___: bool, name: str) -> str | None:
    cursor = body.get("next_cursor") if isinstance(body, dict) else None
    if cursor is not None and not isinstance(cursor, str):
        raise validation_error(f"{name}: next_cursor must be a string or null, not {cursor!r}.")
    return cursor or None


def _by_page(_: httpx.Response, body: Any, cursor: str | None, full: bool, name: str) -> str | None:
    page, more = int(cursor or "1"), full
    if isinstance(body, dict) and isinstance(body.get("total_pages"), int):
        more = page < body["total_pages"]
    elif isinstance(body, dict) and "next" in body:
        more = bool(body["next"])
    return str(page + 1) if more else None


def _by_link(response: httpx.Response, _: Any, __: str | None, ___: bool, ____: str) -> str | None:
    return response.links.get("next", {}).get("url")


_FOLLOWING = {"cursor": _by_cursor, "page": _by_page, "link": _by_link}
