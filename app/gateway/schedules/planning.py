"""What a schedule is to be once there is nothing wrong with what is wanted of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.access import tenant_for
from app.access.workflow_ids import WorkflowIds
from app.cluster import AttributeType, ScheduleDetail
from app.cluster.schedule_change import ScheduleChange
from app.errors import Refusal
from app.gateway.caller import Caller, Refused
from app.gateway.quotas import Quotas, wrong_place
from app.gateway.schedules.scheduled import (
    after,
    completed,
    wrong_creation,
    wrong_runs_id,
    wrong_schedule_id,
    wrong_update,
)
from app.gateway.starting.wanted import tenant_of
from app.model import Json
from app.registry import Registry
from app.temporal.attributes import Attributes
from app.temporal.connection import Temporal


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """A schedule that is yet to be made: what Temporal will call it, whose it becomes, and all that is said of it."""

    schedule_id: str
    tenant: str
    change: ScheduleChange


class Planning:
    """Changes nothing. Every method raises Refused with all that is wrong, or a Refusal."""

    def __init__(self, temporal: Temporal, registry: Registry, quotas: Quotas, ids: WorkflowIds) -> None:
        self._temporal = temporal
        self._registry = registry
        self._quotas = quotas
        self._ids = ids
        self._attributes = Attributes(temporal)

    async def creation(self, caller: Caller, schedule_id: str, change: ScheduleChange, namespace: str) -> NewSchedule:
        """The schedule belongs to the caller's tenant, and so do its runs."""
        definition = self._registry.find(change.action.get("workflow_type", ""))
        known, part = await self._known(namespace, change), self._ids.part(caller.identity)
        _refuse(*wrong_creation(schedule_id, change, definition, known, part))
        tenant, environment = tenant_for(caller.identity, *tenant_of(definition, change.action.get("input", ())))
        # The input may name another environment, and leave less of an id.
        part = self._ids.new(caller.identity, tenant, environment, "")
        _refuse(*wrong_schedule_id(schedule_id, part), *wrong_runs_id(change.action, part))
        found = await self._quotas.tenant(tenant)
        if found is not None and (refusal := wrong_place(found, environment)):
            raise refusal
        memo, attributes = await self._ownership(caller, tenant, environment)
        action = completed(change.action, definition, workflow_id=schedule_id)
        action["workflow_id"] = part + (action.get("workflow_id") or schedule_id)
        action["memo"] = {**action.get("memo", {}), **memo}
        action["search_attributes"] = {**action.get("search_attributes", {}), **attributes}
        whole = replace(
            change,
            action=action,
            memo={**(change.memo or {}), **memo},
            search_attributes={**(change.search_attributes or {}), **attributes},
        )
        return NewSchedule(part + schedule_id, tenant, whole)

    async def update(self, caller: Caller, known: ScheduleDetail, change: ScheduleChange) -> ScheduleChange:
        """The change with what the registry says, of a schedule as it is now."""
        schedule = known.schedule
        args = await self._temporal.payloads.values(schedule.namespace, known.action.input)
        merged = after(known.action, change.action, args)
        definition = self._registry.find(merged.get("workflow_type", ""))
        part = ""
        if schedule.tenant is not None and schedule.environment is not None:
            part = self._ids.new(caller.identity, schedule.tenant, schedule.environment, "")
        attributes = await self._known(schedule.namespace, change)
        _refuse(*wrong_update(schedule, change, definition, merged, attributes, part))
        action = completed(change.action, definition)
        if called := action.get("workflow_id"):
            action["workflow_id"] = part + called
        return replace(change, action=action)

    async def _known(self, namespace: str, change: ScheduleChange) -> Mapping[str, AttributeType]:
        """The search attributes that there are, where some are given."""
        given = {*(change.search_attributes or ()), *change.action.get("search_attributes", ())}
        return await self._attributes.of(namespace, frozenset(given)) if given else {}

    async def _ownership(
        self, caller: Caller, tenant: str, environment: str
    ) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Memo and search attributes that say whose a schedule is, and its runs."""
        memo = {"createdBy": caller.identity.subject, "tenant": tenant, "environment": environment}
        if not await self._temporal.has_tenant_attributes():
            return memo, {}
        return memo, {"TenantId": tenant, "EnvironmentId": environment}


def _refuse(*refusals: Refusal) -> None:
    if refusals:
        raise Refused(*refusals)
