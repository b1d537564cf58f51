"""Lists of objects of which some fields are plain."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.pyutils import Path, gather_with_cancel

from app.api.compiled.writing import Mixed

if TYPE_CHECKING:
    from app.api.compiled.execution import CompiledExecution


@dataclass(slots=True)
class _Item:
    source: Any
    path: Path
    results: dict[str, Any] | None = field(default_factory=dict)
    """None for an item that failed."""
    waiting: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Listed:
    """One list. What its items need loaded is loaded for all of them at once."""

    execution: CompiledExecution
    item_type: GraphQLOutputType
    type: GraphQLObjectType
    details: FieldDetailsList
    info: GraphQLResolveInfo[Any]
    path: Path
    mixed: Mixed

    def completed(self, sources: Sequence[Any]) -> list[Any] | Awaitable[list[Any]]:
        ahead = self.mixed.ahead
        if ahead is None or not sources:
            return self._by_field(sources)
        try:
            results = [ahead(each) for each in sources]
        except Exception:  # noqa: BLE001 - told field by field
            return self._by_field(sources)
        return self._behind(sources, results)

    async def _behind(self, sources: Sequence[Any], results: list[Any]) -> list[Any]:
        loaded: Sequence[Any] | None = None
        try:
            loaded = await self._loaded(sources)
            for source, found, result in zip(sources, loaded, results, strict=True):
                self.mixed.behind(self.execution, source, found, result)
        except Exception:  # noqa: BLE001 - as above
            told = self._by_field(sources, loaded)
            return await told if isawaitable(told) else told
        return results

    def _loaded(self, sources: Sequence[Any]) -> Awaitable[Sequence[Any]]:
        return self.mixed.loads[0].many(self.execution.context_value, sources, self.mixed.parts)

    def _by_field(
        self, sources: Sequence[Any], loaded: Sequence[Any] | None = None
    ) -> list[Any] | Awaitable[list[Any]]:
        """Item by item and field by field, with what has been loaded already."""
        items = [_Item(source, Path(self.path, index, None)) for index, source in enumerate(sources)]
        later = bool(self.mixed.loads) and bool(items)
        try:
            for item in items:
                self._begin(item, later=later)
        except Exception:
            self._settle(items)
            raise
        if later:
            return self._filled(items, loaded)
        if any(item.waiting for item in items):
            return self._together(items)
        return [item.results for item in items]

    def _begin(self, item: _Item, *, later: bool) -> None:
        execution = self.execution
        try:
            is_type_of = self.type.is_type_of
            if is_type_of is not None and is_type_of(item.source, self.info) is not True:
                # Says what is wrong with it.
                execution.complete_value(self.item_type, self.details, self.info, item.path, item.source, None)
            self.mixed.begin(execution, item.source, item.path, later, item.results, item.waiting)
        except Exception as error:  # noqa: BLE001 - raised again where the item cannot be null
            self._failed(item, error)

    def _failed(self, item: _Item, error: Exception) -> None:
        self.execution.settle(item.results or {}, item.waiting)
        item.results, item.waiting = None, []
        self.execution.handle_field_error(error, self.item_type, self.details, item.path)

    async def _filled(self, items: list[_Item], loaded: Sequence[Any] | None) -> list[Any]:
        execution, mixed = self.execution, self.mixed
        try:
            if loaded is None:
                loaded = await self._loaded([item.source for item in items])
            for item, found in zip(items, loaded, strict=True):
                if item.results is not None:
                    try:
                        mixed.fill(execution, item.source, item.path, found, item.results, item.waiting)
                    except Exception as error:  # noqa: BLE001 - as above
                        self._failed(item, error)
        except Exception:
            self._settle(items)
            raise
        return await self._together(items)

    async def _together(self, items: list[_Item]) -> list[Any]:
        await gather_with_cancel(*(self._waited(item) for item in items if item.waiting))
        return [item.results for item in items]

    async def _waited(self, item: _Item) -> None:
        try:
            await self.execution.together(item.results or {}, item.waiting)
        except Exception as error:  # noqa: BLE001 - as above
            item.results = None
            self.execution.handle_field_error(error, self.item_type, self.details, item.path)

    def _settle(self, items: list[_Item]) -> None:
        """Nobody waits for these items any more."""
        for item in items:
            self.execution.settle(item.results or {}, item.waiting)
