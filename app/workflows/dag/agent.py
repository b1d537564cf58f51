"""Nodes that ask a language model, at any endpoint that speaks the chat completions of OpenAI.

An answer that does not fit its schema goes back to the model with what is wrong, as long as the budget of tokens and
the number of corrections allow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from jsonschema.validators import Draft202012Validator
from referencing import Registry
from temporalio.exceptions import ApplicationError

from app.workflows.dag.configuration import AiAgent
from app.workflows.dag.systems import answer, content, http_client
from app.workflows.failures import validation_error
from app.workflows.outbound import Connections
from app.workflows.systems import url_of

_MOST_CORRECTIONS = 2
_MOST_FLAWS = 5
# Of English text; a guess that only keeps a request from being sent that cannot fit its budget.
_CHARACTERS_A_TOKEN = 4


async def ai_agent(config: AiAgent, inputs: Any, connections: Connections, timeout: float) -> dict[str, Any]:
    """`inputs` are told to the model beside the prompt, unless they are None. Raises ApplicationError."""
    messages = [
        {"role": "system", "content": config.system or f"You are a {config.agent_type}. Answer with the answer alone."},
        {"role": "user", "content": config.prompt},
    ]
    if inputs is not None:
        messages.append({"role": "user", "content": json.dumps(inputs, ensure_ascii=False)})
    talk = _Talk(config, _model(config, connections), messages)
    async with http_client(connections, config.connection, timeout) as client:
        for _ in range(1 + _MOST_CORRECTIONS):
            text = await talk.turn(client)
            if config.output_schema is None:
                return talk.outcome(text)
            value, flaws = _read(text, config.output_schema)
            if not flaws:
                return {**talk.outcome(text), "data": value}
            talk.correct(text, flaws)
    raise ApplicationError(
        f"The answer did not fit its schema after {_MOST_CORRECTIONS} corrections: {' '.join(flaws)}",
        type="OutputError",
        non_retryable=True,
    )


class _Talk:
    def __init__(self, config: AiAgent, model: str, messages: list[dict[str, str]]) -> None:
        self._config = config
        self._model = model
        self._messages = messages
        self._spent = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}

    async def turn(self, client: httpx.AsyncClient) -> str:
        left = self._config.token_budget - self._spent["total_tokens"] - self._length()
        if left < 1:
            raise ApplicationError(
                f"The budget of {self._config.token_budget} tokens is used up: {self._spent['total_tokens']} are "
                f"spent, and the next prompt takes about {self._length()}.",
                type="BudgetError",
                non_retryable=True,
            )
        name = f"connection {self._config.connection!r}"
        response = await answer(client, name, "POST", "/chat/completions", json=self._request(left))
        said = content(response)
        try:
            text = said["choices"][0]["message"]["content"]
            usage = said.get("usage") or {}
        except (LookupError, TypeError, AttributeError):
            text = None
        if not isinstance(text, str):
            raise validation_error(f"The model at {name} answered no text.")
        for key in self._spent:
            self._spent[key] += usage.get(key) or 0
        if not usage.get("total_tokens"):
            self._spent["total_tokens"] += self._length() + len(text) // _CHARACTERS_A_TOKEN + 1
        return text

    def correct(self, text: str, flaws: list[str]) -> None:
        said = "That does not fit: " + " ".join(flaws) + " Answer again, with the JSON alone."
        self._messages += [{"role": "assistant", "content": text}, {"role": "user", "content": said}]

    def outcome(self, text: str) -> dict[str, Any]:
        return {"text": text, "model": self._model, "usage": dict(self._spent)}

    def _request(self, most: int) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._model, "messages": self._messages, "max_tokens": most}
        if self._config.temperature is not None:
            request["temperature"] = self._config.temperature
        if self._config.output_schema is not None:
            wanted = {"name": "answer", "schema": self._config.output_schema}
            request["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return request

    def _length(self) -> int:
        return sum(len(each["content"]) for each in self._messages) // _CHARACTERS_A_TOKEN + 1


def _model(config: AiAgent, connections: Connections) -> str:
    query = urlsplit(url_of(connections, config.connection, "http", "https")).query
    model = config.model or next(iter(parse_qs(query).get("model", [])), None)
    if model is None:
        raise validation_error(
            f"Neither the node nor connection {config.connection!r} names a model: give model, or ?model= in its URL."
        )
    return model


def _read(text: str, schema: dict[str, Any]) -> tuple[Any, list[str]]:
    """The answer as JSON, and what is wrong with it."""
    try:
        value = json.loads(_unfenced(text))
    except ValueError as error:
        return None, [f"It is no JSON: {error}."]
    # Without a registry, references to addresses on the net would be fetched.
    return value, list(_flaws(Draft202012Validator(schema, registry=Registry()), value))[:_MOST_FLAWS]


def _flaws(validator: Draft202012Validator, value: Any) -> Iterator[str]:
    for error in validator.iter_errors(value):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'The whole'}: {error.message}."


def _unfenced(text: str) -> str:
    """Without the fence of Markdown that many models put around JSON."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        return stripped.removeprefix("```").removesuffix("```").removeprefix("json")
    return stripped
