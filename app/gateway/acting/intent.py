"""What a caller wants done, one try at it, and what came of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import orjson

from app.access import SOME_RUN, Action, Target
from app.errors import Refusal
from app.gateway.caller import Caller
from app.model import Execution, Json
from app.store.idempotency import Key

MAX_KEY = 255

Plan = Mapping[str, Json]
"""What Temporal must be told again exactly. `workflowId` and `runId` name the run, `batch` the request that acts on
many, where there is one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an act. `request_id` is a UUID and the same for every try with a key; `is_again` where an earlier
    or another try may have reached Temporal."""

    request_id: str
    plan: Plan
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What an act came to. `kept` is all that a later request with the key will know of it; `rows` go to the index.
    `created` where this try made what it is about, rather than found it."""

    kept: Mapping[str, Json]
    rows: Sequence[Execution] = ()
    created: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told. `done` is of this request; without it `kept` is what an earlier one was told."""

    kept: Mapping[str, Json]
    done: Done | None = None
    created: bool = False


@dataclass(frozen=True)
class Intent:
    """What a caller wants done.

    `mutation` is the root field. `input` is all that makes it another request where it differs: a dataclass or JSON.
    `prepare` is given the request id, changes nothing and raises refusals; `act` raises refusals only where nothing
    was done. `lease` is how many seconds others with the key wait for this one; 0 where Temporal takes the same act
    twice for one. `starts`: it makes a run, and the key is kept at least as long as that. `target` is what is
    known from the start of what it is done to; `prepare` refuses what is not allowed on what it finds. `problem` is
    what is wrong with the request itself: it is refused for a key that was used as well.
    """

    action: Action
    mutation: str
    input: object
    prepare: Callable[[str], Awaitable[Plan]]
    act: Callable[[Attempt], Awaitable[Done]]
    key: str | None = None
    namespace: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)
    lease: float = 0.0
    starts: bool = False
    target: Target = SOME_RUN
    problem: Refusal | None = None

    def key_of(self, caller: Caller) -> Key | None:
        """The key within the caller's tenant and environment; None without one. Refusal for one that cannot be."""
        if self.key is None:
            return None
        if not 0 < len(self.key) <= MAX_KEY or not self.key.isprintable():
            raise Refusal(
                "INVALID_INPUT",
                f"idempotencyKey must be 1 to {MAX_KEY} printable characters, such as a UUID.",
                path=("idempotencyKey",),
            )
        identity = caller.identity
        return Key(identity.tenant, identity.environment, self.key, self.mutation, digest(self.input))


def digest(value: object) -> bytes:
    """The same for the same input, in whatever order its fields came."""
    try:
        text = orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Integers of any size, and halves of surrogates.
        text = json.dumps(value, sort_keys=True, default=_plain).encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
