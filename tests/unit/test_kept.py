from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from app.errors import NotFound, TidelineError
from app.hub.kept import Keeping, Kept


class Number(Kept[int]):
    """Gives what it is told to; None ends it, an error fails it."""

    def __init__(self) -> None:
        super().__init__()
        self.told: asyncio.Queue[int | Exception | None] = asyncio.Queue()

    async def keep(self) -> None:
        while (number := await self.told.get()) is not None:
            if isinstance(number, Exception):
                raise number
            self.give(number)


def made(made: list[Number]) -> Callable[[], Number]:
    def make() -> Number:
        made.append(Number())
        return made[-1]

    return make


async def test_followers_of_one_key_share_and_the_last_ends_it() -> None:
    there: list[int] = []
    numbers: list[Number] = []
    keeping: Keeping[Number] = Keeping(there.append)
    async with keeping.joined("a", made(numbers)) as one, keeping.joined("a", made(numbers)) as two:
        assert one is two
        async with keeping.joined("b", made(numbers)) as other:
            assert other is not one
        one.told.put_nowait(5)
        assert await one.moved(0)
        assert (two.value, two.version) == (5, 1)
    assert there == [1, 2, 1, 0]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "Number"]
    async with keeping.joined("a", made(numbers)) as again:
        assert again not in {one, other}
    await keeping.close()


async def test_its_end_is_told_behind_its_last_value() -> None:
    keeping: Keeping[Number] = Keeping()
    async with keeping.joined("a", Number) as number:
        number.told.put_nowait(1)
        number.told.put_nowait(None)
        await asyncio.sleep(0)
        assert await number.moved(0)
        assert not await number.moved(1)
        async with keeping.joined("a", Number) as anew:
            assert anew is not number


@pytest.mark.parametrize(
    ("failure", "raised"), [(NotFound("gone"), NotFound), (LookupError("a bug"), TidelineError)], ids=["known", "bug"]
)
async def test_a_failure_is_told_to_all_and_the_next_begins_anew(
    failure: Exception, raised: type[TidelineError]
) -> None:
    keeping: Keeping[Number] = Keeping()
    async with keeping.joined("a", Number) as number:
        number.told.put_nowait(1)
        number.told.put_nowait(failure)
        await number.moved(0)
        for _ in range(2):
            with pytest.raises(raised):
                await number.moved(1)
        async with keeping.joined("a", Number) as anew:
            anew.told.put_nowait(2)
            assert await anew.moved(0)
