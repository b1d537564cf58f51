"""What each type of node is configured with. The same models check a graph and read what its expressions became."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from jsonschema.exceptions import SchemaError
from jsonschema.validators import Draft202012Validator
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from app.workflows.dag.expressions import ExpressionError, is_template, parse

_LONGEST_DELAY = 31 * 86400
_MOST_ROWS = 1000
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"}


def _wrong(message: str) -> PydanticCustomError:
    """`message` goes on from the field's name."""
    return PydanticCustomError("dag", "{said}", {"said": message})


def _expression(text: str) -> str:
    try:
        parse(text)
    except ExpressionError as error:
        raise _wrong(f"cannot be read: {error}") from None
    return text


def _plain(text: str) -> str:
    if is_template(text):
        raise _wrong("takes no {{ expression }}: what it says must be known before the run.")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", text):
        raise _wrong(f"must be the name of a connection of the worker, of a-z, 0-9, - and _; it is {text!r}.")
    return text


def _table(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?", text):
        raise _wrong(f"must be a table or schema.table, of a-z, 0-9 and _; it is {text!r}.")
    return text


def _column(text: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", text):
        raise _wrong(f"must be a column, of a-z, 0-9 and _; it is {text!r}.")
    return text


def _seconds(value: Any) -> Any:
    if isinstance(value, str) and is_template(value):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_DELAY:
        raise _wrong(f"must be 0 to {_LONGEST_DELAY} seconds, or an expression; it is {value!r}.")
    return float(value)


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator.check_schema(value)
    except SchemaError as error:
        raise _wrong(f"is no JSON Schema: {error.message}.") from None
    return value


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _SECRET_HEADERS:
            raise _wrong(f"must not carry {name}, which the history would keep: name a connection instead.")
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
            raise _wrong(f"has a header that cannot be sent: {name!r}.")
    return headers


Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=20_000)]
ExpressionText: TypeAlias = Annotated[str, AfterValidator(_expression)]
Connection: TypeAlias = Annotated[str, AfterValidator(_name)]
Column: TypeAlias = Annotated[str, AfterValidator(_column)]
Headers: TypeAlias = Annotated[dict[str, str], AfterValidator(_headers)]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=_MOST_ROWS)]


class Configuration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Address(Configuration):
    url: Text = "/"
    """An http or https URL; with `connection`, a path below the connection's URL, such as /v1/orders."""
    connection: Connection | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if said := _flaw_of_address(self.url, self.connection is not None):
            raise _wrong(said)
        return self


def _flaw_of_address(url: str, below: bool) -> str | None:
    if below:
        usable = url.startswith("/") and not url.startswith("//")
        return None if usable else "url must be a path such as /v1/orders, since connection names the host."
    if is_template(url):
        if url.startswith("{{"):
            return None  # read again when its expressions are values
        url = re.sub(r"\{\{.*?\}\}", "x", url, flags=re.S)
    try:
        parts_ = urlsplit(url)
        usable = parts_.scheme in {"http", "https"} and bool(parts_.hostname) and parts_.port != 0
    except ValueError:
        return "url is no URL."
    if not usable:
        return "url must be an http or https URL."
    if "@" in parts_.netloc:
        return "url must not carry credentials, which the history would keep: name a connection instead."
    return None


class ApiCall(_Address):
    """Answers {status, headers, data}; `data` is the body, as JSON where it is JSON."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Headers = {}
    query: dict[str, Any] = {}
    body: Any = None
    """Sent as JSON."""


class Condition(Configuration):
    """Answers true or false, as Python takes the value of the expression."""

    condition: ExpressionText


class Transform(Configuration):
    """Answers an object of the values of `mapping`, or the value of `expression`."""

    transform_type: Literal["mapping", "expression"] = "mapping"
    mapping: dict[str, ExpressionText] = {}
    expression: ExpressionText | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.transform_type == "mapping" and (not self.mapping or self.expression is not None):
            raise _wrong("mapping must have a field or more, and expression be absent, when transform_type is mapping.")
        if self.transform_type == "expression" and (self.mapping or self.expression is None):
            raise _wrong("expression must be given, and mapping be absent, when transform_type is expression.")
        return self


class Delay(Configuration):
    """Answers {delayed_seconds}."""

    delay_seconds: Annotated[Any, PlainValidator(_seconds)]


class Database(Configuration):
    """`query` answers {rows, count}, in a transaction that only reads; the others write and answer {count}, `select`
    as `query`. An attempt that is repeated after an answer was lost writes again."""

    connection: Connection
    operation: Literal["query", "execute", "select", "insert", "update", "delete"] = "query"
    query: Annotated[str, Field(max_length=20_000), AfterValidator(_plain)] | None = None
    """One statement of SQL with $1, $2 and so on for `parameters`."""
    parameters: list[Any] = []
    table: Annotated[str, AfterValidator(_table)] | None = None
    columns: list[Column] = []
    """Of a select; all where none is named."""
    values: dict[Column, Any] = {}
    where: dict[Column, Any] = {}
    """Columns and what they equal."""
    limit: Limit = 100
    """Rows at most."""

    @model_validator(mode="after")
    def _fits_its_operation(self) -> Self:
        if self.operation in {"query", "execute"}:
            if not (self.query or "").strip() or self.table:
                raise _wrong(f"query must be given, and table be absent, when operation is {self.operation}.")
        elif self.table is None or self.query is not None or self.parameters:
            raise _wrong(
                f"table must be given, and query and parameters be absent, when operation is {self.operation}."
            )
        if (self.operation in {"insert", "update"}) is not bool(self.values):
            raise _wrong("values must be given for an insert or update, and for nothing else.")
        if self.operation in {"update", "delete"} and not self.where:
            raise _wrong(f"where must be given, since a {self.operation} of every row is hardly meant.")
        return self


class Webhook(_Address):
    """Answers {delivered, status, webhook_id, url}. Signed as Standard Webhooks has it: headers webhook-id,
    webhook-timestamp and webhook-signature, with the secret that is the password of the connection `sign_with`."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    sign_with: Connection
    payload: Any = None
    """Sent as JSON; the node's inputs where it is absent."""
    headers: Headers = {}


class AiAgent(Configuration):
    """Answers {text, data, model, usage}; `data` is there where `output_schema` asks for it. The connection's URL is
    that of an OpenAI-compatible API, as https://bearer:KEY@host/v1, and `?model=` in it is the default model."""

    connection: Connection
    prompt: Text
    agent_type: Annotated[str, Field(max_length=200)] = "assistant"
    """What the model is told to be, where `system` does not say it."""
    system: Text | None = None
    model: Text | None = None
    token_budget: Annotated[int, Field(ge=1, le=1_000_000)] = 4000
    """Tokens of all requests of an attempt together, prompts and answers."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    output_schema: Annotated[dict[str, Any], AfterValidator(_schema)] | None = None
    """JSON Schema that the answer must fit."""


CONFIGURATIONS: dict[str, type[Configuration]] = {
    "api_call": ApiCall,
    "condition": Condition,
    "transform": Transform,
    "delay": Delay,
    "database": Database,
    "webhook": Webhook,
    "ai_agent": AiAgent,
}
