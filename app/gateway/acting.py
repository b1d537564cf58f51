"""Acting on a run: signalling and cancelling, each once, checked first and recorded before and after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.access import Action, Target, refuse
from app.errors import Refusal
from app.gateway.caller import Caller, Outcome
from app.gateway.intent import Attempt, Done, Intent, Plan
from app.gateway.outcomes import Outcomes, ref_of
from app.model import ExecutionRef, Json
from app.temporal import actions
from app.temporal.connection import Temporal
from app.temporal.statuses import already_closed


class Acting:
    """Every method answers with an Outcome, and raises for an outage: then the action may have happened."""

    def __init__(self, temporal: Temporal, outcomes: Outcomes) -> None:
        self._temporal = temporal
        self._outcomes = outcomes

    async def signal(
        self,
        caller: Caller,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        name: str,
        args: Sequence[Json],
        key: str | None = None,
    ) -> Outcome:
        """Send a signal to an open run."""

        async def send(ref: ExecutionRef, request_id: str) -> None:
            if not name:
                raise Refusal("INVALID_INPUT", "signalName cannot be empty.", path=("signalName",))
            await actions.signal(self._temporal, ref, name, args, identity=caller.name, request_id=request_id)

        detail, input_ = {"signal": name}, {"signal": name, "args": list(args)}
        return await self._act(caller, Action.SIGNAL, namespace, workflow_id, run_id, detail, input_, send, key, name)

    async def cancel(
        self,
        caller: Caller,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        reason: str,
        key: str | None = None,
    ) -> Outcome:
        """Ask an open run to cancel itself."""

        async def ask(ref: ExecutionRef, request_id: str) -> None:
            await actions.cancel(self._temporal, ref, reason, identity=caller.name, request_id=request_id)

        detail = {"reason": reason}
        return await self._act(caller, Action.CANCEL, namespace, workflow_id, run_id, detail, detail, ask, key)

    async def _act(
        self,
        caller: Caller,
        action: Action,
        namespace: str | None,
        workflow_id: str,
        run_id: str | None,
        detail: Mapping[str, Json],
        input_: Mapping[str, Json],
        work: Callable[[ExecutionRef, str], Awaitable[None]],
        key: str | None,
        signal: str | None = None,
    ) -> Outcome:
        """Temporal takes the same request id twice for one, so that nobody has to wait for another try."""

        async def prepare(_: str) -> Plan:
            execution = await self._outcomes.visible(caller, namespace, workflow_id, run_id)
            refuse(caller.identity, action, Target(run=execution, signal=signal))
            if execution.status.is_closed:
                # Temporal takes a cancel of a closed run without a word; its caller should hear.
                raise already_closed(execution.ref)
            return {"namespace": execution.namespace, "workflowId": execution.workflow_id, "runId": execution.run_id}

        async def act(attempt: Attempt) -> Done:
            ref = ref_of(attempt.plan)
            await work(ref, attempt.request_id)
            return await self._outcomes.done(ref)

        intent = Intent(
            action=action,
            mutation=f"{action.lower()}Workflow",
            input={"namespace": namespace, "workflowId": workflow_id, "runId": run_id, **input_},
            prepare=prepare,
            act=act,
            key=key,
            namespace=namespace,
            workflow_id=workflow_id,
            run_id=run_id,
            detail=detail,
        )
        return await self._outcomes.outcome(caller, intent)
