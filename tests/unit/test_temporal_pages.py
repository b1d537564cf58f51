"""Walking lists that are given in pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.errors import BadUserInput
from app.temporal.pages import Place, Walk

CLUSTER = {"a": ["a1", "a2", "a3", "a4", "a5"], "b": [], "c": ["c1", "c2"]}


class Lists:
    """Lists by namespace that know what was asked of them."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.lists = {name: list(items) for name, items in CLUSTER.items()}

    async def read(self, namespace: str, size: int, token: bytes) -> tuple[Sequence[str], bytes]:
        self.sizes.append(size)
        items = self.lists[namespace]
        start = int(token or b"0")
        end = start + size
        return items[start:end], b"%d" % end if end < len(items) else b""


def walk(lists: Lists, wanted: str = "") -> Walk[str]:
    return Walk(tuple(CLUSTER), lists.read, key=lambda item: item, belongs=lambda item: wanted in item)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 100])
@pytest.mark.parametrize("wanted", ["", "2", "a", "nothing"])
async def test_pages_make_the_whole(limit: int, wanted: str) -> None:
    expected = [item for items in CLUSTER.values() for item in items if wanted in item]
    found: list[str] = []
    after = None
    more = True
    while more:
        page = await walk(Lists(), wanted).page(limit, after)
        assert len(page.items) <= limit
        found += [item for item, _ in page.items]
        more = page.has_next
        after = page.items[-1][1] if page.items else None
    assert found == expected


async def test_every_place_goes_on_behind_its_item() -> None:
    page = await walk(Lists()).page(100, None)
    items = [item for item, _ in page.items]
    for number, (_, place) in enumerate(page.items):
        rest = await walk(Lists()).page(100, place)
        assert [item for item, _ in rest.items] == items[number + 1 :]


async def test_items_made_and_removed_meanwhile() -> None:
    lists = Lists()
    page = await walk(lists).page(3, None)
    middle = page.items[1][1]
    lists.lists["a"].insert(0, "a0")
    assert [item for item, _ in (await walk(lists).page(2, middle)).items] == ["a3", "a4"]
    lists.lists["a"].remove("a2")
    # Where it was is not known any more: twice is better than never.
    assert [item for item, _ in (await walk(lists).page(2, middle)).items] == ["a0", "a1"]


async def test_a_page_costs_one_read_and_a_look_ahead() -> None:
    lists = Lists()
    page = await walk(lists).page(2, None)
    assert lists.sizes == [2, 1]
    await walk(lists).page(2, page.items[-1][1])
    assert lists.sizes == [2, 1, 2, 1]


async def test_counting() -> None:
    assert await walk(Lists()).count() == 7
    assert await walk(Lists(), "2").count() == 2


async def test_a_namespace_that_is_not_served_any_more() -> None:
    with pytest.raises(BadUserInput, match="begin the list again"):
        await walk(Lists()).page(1, Place("gone"))


async def test_a_walk_has_an_end() -> None:
    async def endless(namespace: str, size: int, token: bytes) -> tuple[Sequence[str], bytes]:
        return ["x"] * size, b"more"

    with pytest.raises(BadUserInput, match="narrow the list"):
        await Walk(("a",), endless, key=str, belongs=lambda _: False).page(100, None)
