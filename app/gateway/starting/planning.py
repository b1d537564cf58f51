"""A start as Temporal gets it: the caller's wishes, the registry's defaults, and whose the run becomes."""

from __future__ import annotations

from dataclasses import replace

from app.access import manages_tenants, tenant_for
from app.errors import Refusal
from app.gateway.caller import Caller, Refused
from app.gateway.names import wrong_name
from app.gateway.quotas import Quotas, wrong_place
from app.gateway.reading.reading import Reading
from app.gateway.starting.wanted import StartWanted, tenant_of, wrong, wrong_attributes
from app.model import NOBODY, Json
from app.model.options import IdConflictPolicy, IdReusePolicy
from app.registry import Registry, WorkflowDefinition
from app.temporal.attributes import Attributes
from app.temporal.connection import TENANT_ATTRIBUTES, Temporal
from app.temporal.starts import Start


class Planning:
    def __init__(self, temporal: Temporal, reading: Reading, registry: Registry, quotas: Quotas) -> None:
        self._attributes = Attributes(temporal)
        self._reading = reading
        self._registry = registry
        self._quotas = quotas

    async def start(self, caller: Caller, wanted: StartWanted, request_id: str) -> Start:
        """The start, or Refused with all that is wrong with it."""
        definition = self._registry.find(wanted.workflow_type)
        if definition is not None and definition.for_platform and not manages_tenants(caller.identity):
            raise _for_platform(caller)
        if definition is None and not wanted.task_queue:
            wanted = replace(wanted, task_queue=await self._own_queue(caller))
        namespace = self._reading.namespace(wanted.namespace)
        known = await self._attributes.of(namespace, frozenset(wanted.search_attributes) | TENANT_ATTRIBUTES)
        refusals = [*wrong(wanted, definition), *wrong_attributes(wanted.search_attributes, known)]
        if refusals := [*refusals, *_wrong_input(wanted, definition)]:
            raise Refused(*refusals)
        tenant, environment = _owner(caller, wanted, definition)
        found = await self._quotas.tenant(tenant)
        if found is not None and (refusal := wrong_place(found, environment)):
            raise refusal
        made_up = f"{wanted.workflow_type}-{request_id}"
        workflow_id = self._reading.ids.new(caller.identity, tenant, environment, wanted.workflow_id or made_up)
        if refusal := wrong_name(workflow_id, "workflowId" if wanted.workflow_id else "workflowType"):
            raise refusal
        owned: dict[str, Json] = {"TenantId": tenant, "EnvironmentId": environment}
        return replace(
            _start(caller, wanted, definition, request_id),
            namespace=namespace,
            workflow_id=workflow_id,
            memo={
                **_memo(wanted, definition),
                "createdBy": caller.identity.subject,
                "tenant": tenant,
                "environment": environment,
            },
            # Only what the namespace has: a start with any other attribute would be refused.
            search_attributes={
                **wanted.search_attributes,
                **{name: value for name, value in owned.items() if name in known},
            },
        )

    async def _own_queue(self, caller: Caller) -> str | None:
        """What the caller's tenant has set for starts that name no task queue."""
        found = await self._quotas.tenant(caller.identity.tenant)
        return found.task_queue if found is not None else None


def _start(caller: Caller, wanted: StartWanted, definition: WorkflowDefinition | None, request_id: str) -> Start:
    """All of it but where it goes and whose it becomes."""
    reuse, conflict = wanted.id_reuse_policy, wanted.id_conflict_policy
    if wanted.workflow_id is None:
        # Nothing but an earlier try of the same request can have a made-up id.
        reuse = IdReusePolicy.REJECT_DUPLICATE
        closes = conflict is IdConflictPolicy.TERMINATE_EXISTING
        conflict = IdConflictPolicy.USE_EXISTING if closes else conflict
    return Start(
        namespace="",
        workflow_id="",
        workflow_type=wanted.workflow_type,
        task_queue=wanted.task_queue or (definition.task_queue if definition else ""),
        input=wanted.input,
        summary=wanted.summary,
        details=wanted.details,
        execution_timeout=wanted.execution_timeout or _default(definition, "execution_timeout"),
        run_timeout=wanted.run_timeout or _default(definition, "run_timeout"),
        task_timeout=wanted.task_timeout or _default(definition, "task_timeout"),
        start_delay=wanted.start_delay,
        retry_policy=wanted.retry_policy or (definition.retry_policy if definition else None),
        priority=wanted.priority,
        versioning_override=wanted.versioning_override,
        id_reuse_policy=reuse,
        id_conflict_policy=conflict,
        identity=caller.name,
        request_id=request_id,
    )


def _memo(wanted: StartWanted, definition: WorkflowDefinition | None) -> dict[str, Json]:
    metadata = {"metadata": dict(wanted.metadata)} if wanted.metadata else {}
    return {**(definition.memo if definition else {}), **wanted.memo, **metadata}


def _wrong_input(wanted: StartWanted, definition: WorkflowDefinition | None) -> list[Refusal]:
    return [
        Refusal("INVALID_INPUT", problem.message, path=("input", *problem.path))
        for problem in (definition.problems(wanted.input) if definition else ())
    ]


def _owner(caller: Caller, wanted: StartWanted, definition: WorkflowDefinition | None) -> tuple[str, str]:
    """Whose the run becomes: of what only a platform may start, nobody's."""
    if definition is not None and definition.for_platform:
        return NOBODY, NOBODY
    return tenant_for(caller.identity, *tenant_of(definition, wanted.input))


def _for_platform(caller: Caller) -> Refusal:
    who = caller.identity.subject
    return Refusal("NOT_ALLOWED", f"{who} may not start this: only a platform that sees every tenant may.")


def _default(definition: WorkflowDefinition | None, name: str) -> float | None:
    return getattr(definition, name) if definition else None
