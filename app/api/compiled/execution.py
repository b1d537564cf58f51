"""The executor that completes objects and lists by compiled code where there is some."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.arguments import convert_arguments

from app.api.compiled.plain import SOURCES
from app.api.compiled.plans import ORDINARY, Plan, Plans


class CompiledExecution(StrawberryGraphQLCoreExecutionContext):
    """`plans` are those of the document; without them everything goes the ordinary way."""

    def __init__(self, *arguments: Any, plans: Plans | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        usable = plans is not None and self.middleware_manager is None
        self._variant = plans.variant(self.variable_values) if plans is not None and usable else None
        self._converted: dict[int, dict[str, Any]] = {}

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        plan = self._plan(return_type, field_details_list)
        if plan.plain is not None:
            try:
                return plan.plain(result)
            except Exception:  # noqa: BLE001 - told by the ordinary way
                plan = ORDINARY
        is_type_of = return_type.is_type_of
        if plan.mixed is not None and (is_type_of is None or is_type_of(result, info) is True):
            return plan.mixed(self, result, path, None)
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        item_type: Any = return_type.of_type
        type_: Any = item_type.of_type if is_non_null_type(item_type) else item_type
        if type(result) in {list, tuple} and is_object_type(type_):
            plan = self._plan(type_, field_details_list)
            if plan.plain is not None:
                try:
                    return [plan.plain(each) for each in result]
                except Exception:  # noqa: BLE001 - told by the ordinary way
                    plan = ORDINARY
            if plan.mixed is not None and SOURCES.hold(result):
                listed = _List(self, item_type, type_, field_details_list, info, path, plan)
                return listed.loaded(result) if plan.loads and result else listed.completed(result, None)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def _plan(self, type_: GraphQLObjectType, details: FieldDetailsList) -> Plan:
        return ORDINARY if self._variant is None else self._variant.plan(type_, details, self.collect_subfields)

    def put(
        self,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        source: Any,
        path: Path,
        key: str,
        results: dict[str, Any],
        waiting: list[str],
    ) -> None:
        """One field the ordinary way; its name is added to those that are waited for where it is not there yet."""
        result = self.execute_field(type_, source, details, Path(path, key, type_.name), None)
        if result is not Undefined:
            results[key] = result
            if self.is_awaitable(result):
                waiting.append(key)

    def settle(self, results: dict[str, Any], waiting: Sequence[str]) -> None:
        """Nobody waits for these fields any more."""
        if waiting:
            self.settle_in_background([results[key] for key in waiting])

    async def together(self, results: dict[str, Any], waiting: Sequence[str]) -> dict[str, Any]:
        if len(waiting) == 1:
            results[waiting[0]] = await results[waiting[0]]
        else:
            found = await gather_with_cancel(*(results[key] for key in waiting))
            results.update(zip(waiting, found, strict=True))
        return results

    def arguments(self, field: GraphQLField, details: FieldDetailsList) -> dict[str, Any]:
        """The arguments of a field: the same for every source."""
        known = self._converted.get(id(details))
        if known is None:
            node = details[0].node
            given = get_argument_values(field, node, self.variable_values, None, self.hide_suggestions)
            definition = field.extensions["strawberry-definition"]
            converter = self.schema.extensions["strawberry-definition"].schema_converter
            known = self._converted[id(details)] = convert_arguments(
                given,
                definition.arguments,
                scalar_registry=converter.scalar_registry,
                config=converter.config,
                info=None,
            )
        return known


class _List:
    """A list of objects of which some fields are plain."""

    def __init__(
        self,
        execution: CompiledExecution,
        item_type: GraphQLOutputType,
        type_: GraphQLObjectType,
        details: FieldDetailsList,
        info: GraphQLResolveInfo[Any],
        path: Path,
        plan: Plan,
    ) -> None:
        self._execution = execution
        self._item_type = item_type
        self._type = type_
        self._details = details
        self._info = info
        self._path = path
        self._plan = plan

    async def loaded(self, sources: Sequence[Any]) -> list[Any]:
        """With what its fields need loaded for all sources at once."""
        plan = self._plan
        found = await plan.loads[0].many(self._execution.context_value, sources, plan.parts)
        completed = self.completed(sources, found)
        return completed if isinstance(completed, list) else await completed

    def completed(self, sources: Sequence[Any], found: Sequence[Any] | None) -> list[Any] | Awaitable[list[Any]]:
        execution, path = self._execution, self._path
        completed: list[Any] = []
        waiting: list[int] = []
        try:
            for index, source in enumerate(sources):
                item_path = Path(path, index, None)
                item = self._item(source, item_path, None if found is None else found[index])
                completed.append(item)
                if item is not None and type(item) is not dict and is_awaitable(item):
                    waiting.append(index)
        except Exception:
            if waiting:
                execution.settle_in_background([completed[index] for index in waiting])
            raise
        return self._together(completed, waiting) if waiting else completed

    def _item(self, source: Any, path: Path, found: Any) -> Any:
        execution, plan = self._execution, self._plan
        try:
            is_type_of = self._type.is_type_of
            if plan.mixed is None or (is_type_of is not None and is_type_of(source, self._info) is not True):
                item = execution.complete_value(self._item_type, self._details, self._info, path, source, None)
            else:
                item = plan.mixed(execution, source, path, found)
            return item if item is None or type(item) is dict else self._awaited(item, path)
        except Exception as error:  # noqa: BLE001 - located, and raised again where the item cannot be null
            execution.handle_field_error(error, self._item_type, self._details, path)
            return None

    async def _awaited(self, item: Awaitable[Any], path: Path) -> Any:
        try:
            return await item
        except Exception as error:  # noqa: BLE001 - as above
            self._execution.handle_field_error(error, self._item_type, self._details, path)
            return None

    @staticmethod
    async def _together(completed: list[Any], waiting: Sequence[int]) -> list[Any]:
        found = await gather_with_cancel(*(completed[index] for index in waiting))
        for index, item in zip(waiting, found, strict=True):
            completed[index] = item
        return completed
