"""Fields that need one thing loaded, which a list can load for all of its items at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import AsyncExtensionResolver
from strawberry.types import Info
from strawberry.types.field import StrawberryField

Load = Callable[[Any, Sequence[Any], frozenset[str]], Awaitable[Sequence[Any]]]
"""From the operation's context, the sources and the parts that are needed: what was loaded for each source, in order,
or the exception in its place."""


class Loaded(FieldExtension):
    """Gives the resolver `argument`: the `part` of what `load` finds for the source.

    The resolver must be synchronous and take its source, that argument, and arguments of GraphQL only.
    """

    def __init__(self, load: Load, part: str, argument: str) -> None:
        self.load = load
        self.part = part
        self.argument = argument

    def apply(self, field: StrawberryField) -> None:
        """The argument is ours, not a client's."""
        field.arguments = [each for each in field.arguments if each.python_name != self.argument]

    async def resolve_async(self, next_: AsyncExtensionResolver, source: Any, info: Info, **arguments: Any) -> Any:
        [found] = await self.load(info.context, [source], frozenset({self.part}))
        if isinstance(found, BaseException):
            raise found
        return await next_(source, info, **{self.argument: getattr(found, self.part)}, **arguments)
