"""Fields that need one thing loaded, which a list can load for all of its items at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import AsyncExtensionResolver
from strawberry.types import Info
from strawberry.types.field import StrawberryField

One = Callable[[Any, Any], Awaitable[Any]]
"""What is loaded for one source, from the operation's context and the source; gathered into batches."""
Many = Callable[[Any, Sequence[Any], frozenset[str] | None], Awaitable[Sequence[Any]]]
"""The same for many at once, in order, an exception in the place of one that cannot be loaded. Only the named parts are
needed; None stands for all."""


class Loaded(FieldExtension):
    """Gives the resolver `argument`: the `part` of what is loaded for the source.

    The resolver must be synchronous and take its source, that argument, and arguments of GraphQL only.
    """

    def __init__(
        self,
        one: One,
        many: Many,
        part: str,
        *,
        reads: frozenset[str] = frozenset(),
        lasting: type | None = None,
        argument: str = "found",
    ) -> None:
        """`reads` are the attributes of the source that loading and the resolver need; what is loaded as an instance of
        `lasting` never changes."""
        self.one = one
        self.many = many
        self.part = part
        self.parts = frozenset({part})
        self.reads = reads
        self.lasting = lasting
        self.argument = argument

    def apply(self, field: StrawberryField) -> None:
        """The argument is ours, not a client's."""
        field.arguments = [each for each in field.arguments if each.python_name != self.argument]

    async def resolve_async(self, next_: AsyncExtensionResolver, source: Any, info: Info, **arguments: Any) -> Any:
        found = await self.one(info.context, source)
        return await next_(source, info, **{self.argument: getattr(found, self.part)}, **arguments)


class Told(Loaded):
    """Of a field whose own resolver asks whoever knows: where what is loaded never changes, `tell` makes the value of
    it alone, and nobody is asked. What it raises leaves the field to its resolver."""

    def __init__(
        self,
        one: One,
        many: Many,
        parts: frozenset[str],
        tell: Callable[[Any], Any],
        *,
        reads: frozenset[str],
        lasting: type,
    ) -> None:
        super().__init__(one, many, "", reads=reads, lasting=lasting)
        self.parts = parts
        self._tell = tell

    def apply(self, field: StrawberryField) -> None:
        """Its arguments are all of them clients'."""

    async def resolve_async(self, next_: AsyncExtensionResolver, source: Any, info: Info, **arguments: Any) -> Any:
        return await next_(source, info, **arguments)

    def told(self, found: Any) -> Any:
        """The value; LookupError where what was loaded may change."""
        if self.lasting is None or not isinstance(found, self.lasting):
            raise LookupError("only what lasts can be told without asking")
        return self._tell(found)
