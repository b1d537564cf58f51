"""Asking a language model for the attributes of a report, over OpenAI's chat completions.

The answer must fit a JSON Schema and name columns that are there; one that does not is asked for again. Every
request is paid from the report's budget of tokens.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from temporalio.exceptions import ApplicationError

from app.workflows.failures import network_errors, not_found_error, response_error
from app.workflows.outbound import Connections
from app.workflows.systems import url_of
from app.workflows.test_cycle.model import Attribute, Columns, LanguageModel, Rule
from app.workflows.test_cycle.rules import flaw

_CONNECT_SECONDS = 10.0
_FEWEST_TOKENS = 64
"""An answer of fewer cannot hold one attribute."""

_TASK = (
    "You plan the test of a report's data. For the columns that are worth a test, say what each value must be. "
    "kind is required (not empty), range (a number from minimum to maximum), one_of (one of values) or length "
    "(at most maximum characters). risk is from 1, harmless, to 5, grave. Use only columns of the list, each once."
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DraftedAttribute(_Strict):
    name: str
    kind: Literal["required", "range", "one_of", "length"]
    minimum: float | None
    maximum: float | None
    values: list[str] | None
    risk: Annotated[int, Field(ge=1, le=5)]
    rationale: Annotated[str, Field(max_length=2000)]


class DraftedAttributes(_Strict):
    attributes: Annotated[list[DraftedAttribute], Field(min_length=1, max_length=200)]


class Budget:
    """The tokens that one report may still use."""

    def __init__(self, tokens: int, used: int = 0) -> None:
        self.tokens = tokens
        self.used = used

    def answer_tokens(self, most: int) -> int:
        """How long the next answer may be. Raises BudgetError when nothing useful is left."""
        left = min(most, self.tokens - self.used)
        if left < min(most, _FEWEST_TOKENS):
            raise _budget_error(f"The budget of {self.tokens} tokens is used up: {self.used} went into drafts.")
        return left


async def draft(wanted: LanguageModel, columns: Columns, budget: Budget, connections: Connections) -> list[Attribute]:
    """Attributes of these columns; `budget` counts what they took. Raises ApplicationError."""
    body = {
        "model": wanted.model,
        "messages": [
            {"role": "system", "content": _TASK},
            {"role": "user", "content": f"Report: {columns.report_name}\nColumns:\n" + "\n".join(columns.columns)},
        ],
        "temperature": 0,
        "max_tokens": budget.answer_tokens(wanted.max_answer_tokens),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "attributes", "strict": True, "schema": DraftedAttributes.model_json_schema()},
        },
    }
    answer = await _ask(wanted, body, connections)
    budget.used += _tokens_of(answer, body)
    return _attributes(_content(answer, wanted.connection), columns)


async def _ask(wanted: LanguageModel, body: dict[str, Any], connections: Connections) -> Any:
    parts = urlsplit(url_of(connections, wanted.connection, "http", "https"))
    key = unquote(parts.password or parts.username or "")
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    name = f"The language model of connection {wanted.connection!r}"
    timeout = httpx.Timeout(wanted.timeout_seconds, connect=min(_CONNECT_SECONDS, wanted.timeout_seconds))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with network_errors(name):
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, headers=headers) as client:
            response = await client.post(f"{url}/chat/completions", json=body)
    if response.status_code == 404:
        raise not_found_error(f"{name} knows no {wanted.model!r}, or its URL does not end before /chat/completions.")
    if error := response_error(response, name, datetime.now(UTC)):
        raise error
    try:
        return response.json()
    except ValueError:
        raise _answer_error(f"{name} answered no JSON.") from None


def _tokens_of(answer: Any, body: dict[str, Any]) -> int:
    """What the endpoint says that it used; where it says nothing, the most that it can have been."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and total >= 0:
        return total
    return int(body["max_tokens"]) + len(json.dumps(body["messages"]))


def _content(answer: Any, connection: str) -> str:
    try:
        choice = answer["choices"][0]
        message, ended = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise _answer_error(f"Connection {connection!r} answered nothing that chat completions would.") from None
    if refusal:
        raise ApplicationError(f"The model refuses: {refusal}", type="ValidationError", non_retryable=True)
    if ended == "length":
        raise _budget_error("The answer was cut off at its most tokens: raise max_answer_tokens or token_budget.")
    if not isinstance(content, str):
        raise _answer_error("The model answered without a content.")
    return content


def _attributes(content: str, columns: Columns) -> list[Attribute]:
    try:
        drafted = DraftedAttributes.model_validate_json(content).attributes
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise _answer_error(f"The model's answer does not fit: {where}: {first['msg']}.") from None
    attributes: dict[str, Attribute] = {}
    for each in drafted:
        rule = Rule(each.kind, each.minimum, each.maximum, None if each.values is None else tuple(each.values))
        if each.name not in columns.names:
            raise _answer_error(f"The model names {each.name!r}, which is no column of the report.")
        if wrong := flaw(rule):
            raise _answer_error(f"The model's rule for {each.name} cannot be used: {wrong}.")
        if each.name in attributes:
            raise _answer_error(f"The model names {each.name} twice.")
        attributes[each.name] = Attribute(each.name, rule, each.risk, each.rationale)
    return list(attributes.values())


def _answer_error(message: str) -> ApplicationError:
    """Worth another attempt: models answer differently each time."""
    return ApplicationError(message, type="AnswerError")


def _budget_error(message: str) -> ApplicationError:
    return ApplicationError(message, type="BudgetError", non_retryable=True)
