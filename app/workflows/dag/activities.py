"""The activities of a graph's nodes, bound to the connections of their worker."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from app.workflows.beating import beating
from app.workflows.dag.agent import ai_agent
from app.workflows.dag.calls import api_call, webhook
from app.workflows.dag.configuration import AiAgent, ApiCall, Configuration, Database, Delay, Webhook
from app.workflows.dag.database import database
from app.workflows.dag.evaluator import evaluate, rendered
from app.workflows.dag.expressions import ExpressionError, parse
from app.workflows.dag.model import AI_AGENT, API_CALL, CONDITION, DATABASE, DELAY, WEBHOOK, NodeCall, Outcome
from app.workflows.dag.node import EVALUATE
from app.workflows.dag.references import PLAIN
from app.workflows.dag.systems import LARGEST_OUTPUT
from app.workflows.failures import unavailable_error, validation_error
from app.workflows.outbound import Connections

C = TypeVar("C", bound=Configuration)

# The activity ends by itself, with a sentence, before Temporal gives it up.
_MARGIN = 0.95


def activities(connections: Connections) -> Sequence[Callable[..., Any]]:
    """What a worker registers."""
    bound = NodeActivities(connections)
    return (bound.api_call, bound.database, bound.webhook, bound.ai_agent, evaluate_node)


class NodeActivities:
    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @activity.defn(name=API_CALL)
    async def api_call(self, call: NodeCall) -> Outcome:
        async with _attempt():
            return _outcome(await api_call(_read(call, ApiCall), self._connections, _key(call), _seconds()))

    @activity.defn(name=DATABASE)
    async def database(self, call: NodeCall) -> Outcome:
        async with _attempt():
            return _outcome(await database(_read(call, Database), self._connections, _seconds()))

    @activity.defn(name=WEBHOOK)
    async def webhook(self, call: NodeCall) -> Outcome:
        async with _attempt():
            config, inputs = _read(call, Webhook), call.scope["inputs"]
            return _outcome(await webhook(config, inputs, self._connections, _key(call), _seconds()))

    @activity.defn(name=AI_AGENT)
    async def ai_agent(self, call: NodeCall) -> Outcome:
        async with _attempt():
            config, inputs = _read(call, AiAgent), call.scope["inputs"] or None
            return _outcome(await ai_agent(config, inputs, self._connections, _seconds()))


@activity.defn(name=EVALUATE)
async def evaluate_node(call: NodeCall) -> Outcome:
    """What a condition, a transform or a delay comes to. Local, so that no replay evaluates it again."""
    try:
        return _outcome(_value(call))
    except ExpressionError as error:
        raise expression_error(error) from None


def _value(call: NodeCall) -> Any:
    if call.type == CONDITION:
        return bool(evaluate(parse(call.data["condition"]), call.scope))
    if call.type == DELAY:
        return _read(call, Delay).delay_seconds
    if (expression := call.data.get("expression")) is not None:
        return evaluate(parse(expression), call.scope)
    return {name: evaluate(parse(each), call.scope) for name, each in call.data["mapping"].items()}


def _read(call: NodeCall, kind: type[C]) -> C:
    """The configuration with the values of its expressions. Raises ApplicationError."""
    try:
        plain = {name: value for name, value in call.data.items() if (call.type, name) in PLAIN}
        return kind.model_validate({**rendered(call.data, call.scope), **plain})
    except ExpressionError as error:
        raise expression_error(error) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = f"With the values of its expressions, {call.node_id} is wrong: {where} {first['msg']}"
        raise validation_error(said) from None


def _outcome(output: Any) -> Outcome:
    if (size := len(json.dumps(output))) > LARGEST_OUTPUT:
        raise validation_error(f"The output has {size} bytes; {LARGEST_OUTPUT} is the most. Ask for less.")
    return Outcome(output, activity.info().attempt)


def expression_error(error: ExpressionError) -> ApplicationError:
    return ApplicationError(str(error), type="ExpressionError", non_retryable=True)


def _key(call: NodeCall) -> str:
    """The same for every attempt of a node, in every run of its chain; another for another start."""
    return f"msg_{hashlib.sha256(f'{call.chain}/{call.node_id}'.encode()).hexdigest()[:32]}"


def _seconds() -> float:
    span = activity.info().start_to_close_timeout
    assert span is not None
    return span.total_seconds() * _MARGIN


@asynccontextmanager
async def _attempt() -> AsyncIterator[None]:
    """Beats every second, so that a dead worker is noticed and a cancellation heard; ends in time with a sentence."""
    try:
        async with beating(activity.heartbeat), asyncio.timeout(_seconds()):
            yield
    except TimeoutError:
        raise unavailable_error(f"It took longer than {_seconds() / _MARGIN:g} seconds.") from None
    except asyncio.CancelledError:
        details = activity.cancellation_details()
        if details and details.worker_shutdown:
            raise unavailable_error("The worker left; another one goes on.") from None
        raise
