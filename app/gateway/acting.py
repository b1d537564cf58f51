"""Acting: starting, signalling and cancelling, each checked first and recorded before and after."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.access import SOME_RUN, Action, Target, refuse, tenant_for
from app.errors import DatabaseUnavailable, Refusal
from app.gateway.caller import Caller, Outcome, Refused
from app.gateway.reading import Reading
from app.gateway.recording import Recording
from app.gateway.starting import StartWanted, tenant_of, wrong
from app.log import logger
from app.model import Execution, ExecutionRef, Json
from app.registry import Registry
from app.store.executions import Executions
from app.temporal import actions, reads
from app.temporal.connection import Temporal

log = logger(__name__)


class Acting:
    """Every method answers with an Outcome, and raises for an outage: then the action may have happened."""

    def __init__(
        self,
        temporal: Temporal,
        executions: Executions,
        recording: Recording,
        reading: Reading,
        registry: Registry,
        announce: Callable[[], Awaitable[object]],
    ) -> None:
        self._temporal = temporal
        self._executions = executions
        self._recording = recording
        self._reading = reading
        self._registry = registry
        self._announce = announce

    async def start(self, caller: Caller, wanted: StartWanted) -> Outcome:
        """Start a run of a type that the registry knows, or of any other on a named task queue."""
        detail = {"workflowType": wanted.workflow_type}
        entry = self._recording.entry(caller, "startWorkflow", wanted.namespace, wanted.workflow_id, detail)
        try:
            async with self._recording.recorded(entry):
                start = await self._planned(caller, wanted)
                started = await actions.start(self._temporal, start)
                execution = await self._written(started.ref)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return Outcome(execution, created=started.created)

    async def signal(
        self,
        caller: Caller,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        name: str,
        args: Sequence[Json],
    ) -> Outcome:
        """Send a signal to an open run."""

        async def send(ref: ExecutionRef) -> None:
            if not name:
                raise Refusal("INVALID_INPUT", "signalName cannot be empty.", path=("signalName",))
            await actions.signal(self._temporal, ref, name, args, identity=caller.name, request_id=None)

        detail = {"signal": name}
        return await self._act(caller, Action.SIGNAL, namespace, workflow_id, run_id, detail, send, signal=name)

    async def cancel(
        self, caller: Caller, namespace: str | None, workflow_id: str, run_id: str | None, reason: str
    ) -> Outcome:
        """Ask an open run to cancel itself."""

        async def ask(ref: ExecutionRef) -> None:
            await actions.cancel(self._temporal, ref, reason, identity=caller.name, request_id=None)

        return await self._act(caller, Action.CANCEL, namespace, workflow_id, run_id, {"reason": reason}, ask)

    async def _act(
        self,
        caller: Caller,
        action: Action,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        detail: Mapping[str, Json],
        work: Callable[[ExecutionRef], Awaitable[None]],
        *,
        signal: str | None = None,
    ) -> Outcome:
        entry = self._recording.entry(caller, f"{action.lower()}Workflow", namespace, workflow_id, detail)
        try:
            async with self._recording.recorded(entry):
                _require(caller, action)
                execution = await self._visible(caller, namespace, workflow_id, run_id)
                _require(caller, action, Target(run=execution, signal=signal))
                if execution.status.is_closed:
                    # Temporal takes a cancel of a closed run without a word; its caller should hear.
                    raise actions.already_closed(execution.ref)
                await work(execution.ref)
                execution = await self._written(execution.ref)
        except Refused as refused:
            return Outcome(refusals=refused.refusals)
        return Outcome(execution)

    async def _visible(self, caller: Caller, namespace: str | None, workflow_id: str, run_id: str | None) -> Execution:
        execution = await self._reading.execution(caller.identity, namespace, workflow_id, run_id)
        if execution is None:
            raise Refusal("NOT_FOUND", f"There is no workflow {workflow_id!r}.", path=("workflowId",))
        return execution

    async def _planned(self, caller: Caller, wanted: StartWanted) -> actions.Start:
        """The start as Temporal gets it, or what is wrong with it, all at once."""
        _require(caller, Action.START, Target(is_run=True, workflow_type=wanted.workflow_type))
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

    async def _written(self, ref: ExecutionRef) -> Execution:
        """The run as it is now, put into the index, so that its caller finds its own write there."""
        execution = (await reads.describe(self._temporal, ref.namespace, ref.workflow_id, ref.run_id)).execution
        try:
            if await self._executions.record([execution]):
                await self._announce()
        except DatabaseUnavailable as error:
            # It has happened; the indexer will find it.
            log.warning("a change is not indexed yet", workflow_id=ref.workflow_id, reason=error.message)
        return execution


def _require(caller: Caller, action: Action, target: Target = SOME_RUN) -> None:
    refuse(caller.identity, action, target)
