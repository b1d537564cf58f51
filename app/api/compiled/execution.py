"""The executor that completes objects and lists by compiled code where there is some."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, FieldDetailsList
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.arguments import convert_arguments

from app.api.compiled.kept import Made
from app.api.compiled.listed import Listed
from app.api.compiled.loaded import Loaded
from app.api.compiled.plain import SOURCES
from app.api.compiled.plans import ORDINARY, Plan, Plans
from app.api.compiled.reads import Names
from app.api.compiled.resolver import Resolver
from app.api.compiled.writing import Mixed


class CompiledExecution(StrawberryGraphQLCoreExecutionContext):
    """`plans` are those of the document; without them everything goes the ordinary way."""

    def __init__(self, *arguments: Any, plans: Plans | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        usable = plans is not None and self.middleware_manager is None
        self._variant = plans.variant(self.variable_values) if plans is not None and usable else None
        self._kept = plans.kept if plans is not None else None
        self._converted: dict[int, dict[str, Any]] = {}

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        resolver = None if self._variant is None else self._variant.resolver(parent_type, field_details_list)
        if resolver is None:
            return super().execute_field(parent_type, source, field_details_list, path, position_context)
        kind = resolver.field.type
        info = self.build_resolve_info(resolver.field, resolver.nodes, parent_type, path)
        try:
            result = resolver.result(source, info, self._arguments)
            if self.is_awaitable(result):
                return self.complete_awaitable_value(kind, field_details_list, info, path, result, position_context)
            completed = self.complete_value(kind, field_details_list, info, path, result, position_context)
        except Exception as error:  # noqa: BLE001 - raised again where the field cannot be null
            self.handle_field_error(error, kind, field_details_list, path)
            return None
        return self._settled(completed, kind, field_details_list, path) if self.is_awaitable(completed) else completed

    async def _settled(
        self, completed: Awaitable[Any], kind: GraphQLOutputType, details: FieldDetailsList, path: Path
    ) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001 - as above
            self.handle_field_error(error, kind, details, path)
            return None

    def _arguments(self, resolver: Resolver, info: Any) -> dict[str, Any]:
        field = resolver.field
        node = resolver.nodes[0]
        given = get_argument_values(field, node, self.variable_values, None, self.hide_suggestions)
        return self._python_arguments(field, given, info)

    def _python_arguments(self, field: GraphQLField, given: dict[str, Any], info: Any) -> dict[str, Any]:
        converter = self.schema.extensions["strawberry-definition"].schema_converter
        return convert_arguments(
            given,
            field.extensions["strawberry-definition"].arguments,
            scalar_registry=converter.scalar_registry,
            config=converter.config,
            info=info,
        )

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
            return self._mixed(plan.mixed, result, path)
        return super().complete_object_value(return_type, field_details_list, info, path, result, position_context)

    def _mixed(self, mixed: Mixed, source: Any, path: Path) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        results: dict[str, Any] = {}
        waiting: list[str] = []
        later = bool(mixed.loads)
        try:
            mixed.begin(self, source, path, later, results, waiting)
        except Exception:
            self.settle(results, waiting)
            raise
        if later:
            return self._filled(mixed, source, path, results, waiting)
        return self.together(results, waiting) if waiting else results

    async def _filled(
        self, mixed: Mixed, source: Any, path: Path, results: dict[str, Any], waiting: list[str]
    ) -> dict[str, Any]:
        async def filled() -> None:
            [found] = await mixed.loads[0].many(self.context_value, [source], mixed.parts)
            also: list[str] = []
            mixed.fill(self, source, path, found, results, also)
            if also:
                await self.together(results, also)

        if waiting:
            await gather_with_cancel(filled(), self.together(results, waiting))
        else:
            await filled()
        return results

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
                return Listed(self, item_type, type_, field_details_list, info, path, plan.mixed).completed(result)
        return super().complete_list_value(return_type, field_details_list, info, path, result, position_context)

    def reads(self, of: str, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Names | None:
        """The attributes that what is selected by `nodes`, on this type, reads of objects of the type `of`; None stands
        for any."""
        if self._variant is None:
            return None
        details = [FieldDetails(node, None) for node in nodes]
        return self._variant.read(of, type_, details, self.collect_subfields)

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

    def made(self, made: Made, loaded: Loaded, source: Any, found: Any, arguments: dict[str, Any]) -> Any:
        """The value of a field that was loaded ahead."""
        if self._kept is not None and loaded.lasting is not None and isinstance(found, loaded.lasting):
            return self._kept.value(made, source, found, arguments)
        return made(source, found, arguments)

    def arguments(self, field: GraphQLField, details: FieldDetailsList) -> dict[str, Any]:
        """The arguments of a field: the same for every source."""
        known = self._converted.get(id(details))
        if known is None:
            node = details[0].node
            given = get_argument_values(field, node, self.variable_values, None, self.hide_suggestions)
            known = self._converted[id(details)] = self._python_arguments(field, given, None)
        return known
