"""A start as Temporal gets it: the caller's wishes, the registry's defaults, and whose the run becomes."""

from __future__ import annotations

from dataclasses import replace

from app.access import manages_tenants, tenant_for
from app.errors import Refusal
from app.gateway.caller import Caller, Refused
from app.gateway.quotas import Quotas, wrong_place
from app.gateway.reading import Reading
from app.gateway.wanted import StartWanted, tenant_of, wrong, wrong_attributes
from app.model import NOBODY, Json
from app.model.options import IdReusePolicy
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
        tenant, environment = self._owner(caller, wanted, definition)
        found = await self._quotas.tenant(tenant)
        if found is not None and (refusal := wrong_place(found, environment)):
            raise refusal
        if definition is None and not wanted.task_queue and found is not None and found.task_queue:
            wanted = replace(wanted, task_queue=found.task_queue)
        namespace = self._reading.namespace(wanted.namespace)
        known = await self._attributes.of(namespace, frozenset(wanted.search_attributes) | TENANT_ATTRIBUTES)
        refusals = [*wrong(wanted, definition), *wrong_attributes(wanted.search_attributes, known)]
        if definition is not None:
            refusals += [
                Refusal("INVALID_INPUT", problem.message, path=("input", *problem.path))
                for problem in definition.problems(wanted.input)
            ]
        if refusals:
            raise Refused(*refusals)
        owned: dict[str, Json] = {"TenantId": tenant, "EnvironmentId": environment}
        metadata = {"metadata": dict(wanted.metadata)} if wanted.metadata else {}
        is_made_up = wanted.workflow_id is None
        return Start(
            namespace=namespace,
            workflow_id=wanted.workflow_id or f"{wanted.workflow_type}-{request_id}",
            workflow_type=wanted.workflow_type,
            task_queue=wanted.task_queue or (definition.task_queue if definition else ""),
            input=wanted.input,
            memo={
                **(definition.memo if definition else {}),
                **wanted.memo,
                **metadata,
                "createdBy": caller.identity.subject,
                "tenant": tenant,
                "environment": environment,
            },
            # Only what the namespace has: a start with any other attribute would be refused.
            search_attributes={
                **wanted.search_attributes,
                **{name: value for name, value in owned.items() if name in known},
            },
            summary=wanted.summary,
            details=wanted.details,
            execution_timeout=wanted.execution_timeout or _default(definition, "execution_timeout"),
            run_timeout=wanted.run_timeout or _default(definition, "run_timeout"),
            task_timeout=wanted.task_timeout or _default(definition, "task_timeout"),
            start_delay=wanted.start_delay,
            retry_policy=wanted.retry_policy or (definition.retry_policy if definition else None),
            priority=wanted.priority,
            versioning_override=wanted.versioning_override,
            id_reuse_policy=IdReusePolicy.REJECT_DUPLICATE if is_made_up else wanted.id_reuse_policy,
            id_conflict_policy=wanted.id_conflict_policy,
            identity=caller.name,
            request_id=request_id,
        )

    def _owner(self, caller: Caller, wanted: StartWanted, definition: WorkflowDefinition | None) -> tuple[str, str]:
        """Whose the run becomes: of what only a platform may start, nobody's."""
        if definition is None or not definition.for_platform:
            return tenant_for(caller.identity, *tenant_of(definition, wanted.input))
        if refusal := for_platform(caller):
            raise refusal
        return NOBODY, NOBODY


def for_platform(caller: Caller) -> Refusal | None:
    """Why this caller may not start what only a platform may."""
    if manages_tenants(caller.identity):
        return None
    message = (
        f"{caller.identity.subject} may not start workflows of this type: only a platform that sees every tenant may."
    )
    return Refusal("NOT_ALLOWED", message)


def _default(definition: WorkflowDefinition | None, name: str) -> float | None:
    return getattr(definition, name) if definition else None
