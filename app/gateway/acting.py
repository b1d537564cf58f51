"""Starting runs: checked first, and recorded before and after."""

from __future__ import annotations

import uuid

from app.access import Action, tenant_for
from app.errors import Refusal
from app.gateway.acts import permit
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.reading import Reading
from app.gateway.recording import Recording
from app.gateway.starting import StartWanted, tenant_of, wrong
from app.gateway.writing import Writing
from app.model import Json
from app.registry import Registry
from app.temporal import actions
from app.temporal.connection import Temporal


class Acting:
    """Answers with an Outcome, and raises for an outage: then the run may have been started."""

    def __init__(
        self,
        temporal: Temporal,
        recording: Recording,
        reading: Reading,
        registry: Registry,
        writing: Writing,
    ) -> None:
        self._temporal = temporal
        self._recording = recording
        self._reading = reading
        self._registry = registry
        self._writing = writing

    async def start(self, caller: Caller, wanted: StartWanted) -> Outcome:
        """Start a run of a type that the registry knows, or of any other on a named task queue."""
        detail = {"workflowType": wanted.workflow_type}
        entry = self._recording.entry(caller, "startWorkflow", wanted.namespace, wanted.workflow_id, detail)
        try:
            async with self._recording.recorded(entry):
                start = await self._planned(caller, wanted)
                started = await actions.start(self._temporal, start)
                execution = await self._writing.written(started.ref)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return Outcome(execution, created=started.created)

    async def _planned(self, caller: Caller, wanted: StartWanted) -> actions.Start:
        """The start as Temporal gets it, or what is wrong with it, all at once."""
        permit(caller, Action.START)
        definition = self._registry.find(wanted.workflow_type)
        refusals = [*wrong(wanted, definition)]
        if definition is not None:
            refusals += [
                Refusal("INVALID_INPUT", problem.message, path=("input", *problem.path))
                for problem in definition.problems(wanted.input)
            ]
        if refusals:
            raise Refused(*refusals)
        tenant, environment = tenant_for(caller.identity, *tenant_of(definition, wanted.input))
        metadata = {"metadata": dict(wanted.metadata)} if wanted.metadata else {}
        return actions.Start(
            namespace=self._reading.namespace(wanted.namespace),
            workflow_id=wanted.workflow_id or f"{wanted.workflow_type}-{uuid.uuid4()}",
            workflow_type=wanted.workflow_type,
            task_queue=wanted.task_queue or (definition.task_queue if definition else ""),
            input=wanted.input,
            memo={
                **wanted.memo,
                **metadata,
                "createdBy": caller.identity.subject,
                "tenant": tenant,
                "environment": environment,
            },
            search_attributes={**wanted.search_attributes, **await self._tenant_attributes(tenant, environment)},
            summary=wanted.summary,
            details=wanted.details,
            execution_timeout=wanted.execution_timeout or (definition.execution_timeout if definition else None),
            run_timeout=wanted.run_timeout or (definition.run_timeout if definition else None),
            task_timeout=wanted.task_timeout or (definition.task_timeout if definition else None),
            start_delay=wanted.start_delay,
            identity=caller.name,
        )

    async def _tenant_attributes(self, tenant: str, environment: str) -> dict[str, Json]:
        if not await self._temporal.has_tenant_attributes():
            return {}
        return {"TenantId": tenant, "EnvironmentId": environment}
