"""One client's subscription: its own stream until it is up to date, then what is made for all who ask the same."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractContextManager, aclosing
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLError, create_source_event_stream, execute_subscription_event
from graphql.execution import Executor

from app import metrics
from app.api.answers import Answer, as_graphql, encode, refusal
from app.api.sharing import Answers, Made, Mark, Place, Shared, Sharing, Update
from app.gateway import Caller

Began = Executor[Any] | Sequence[GraphQLError]
Begin = Callable[[str | None], Began]
"""Begins the operation anew, behind a cursor, or says why not."""


class RefusedError(Exception):
    """The subscription could not begin."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(errors[0].message if errors else "")
        self.errors = errors


class Subscription:
    """`field` is the root field that is subscribed to; those with equal keys share their answers."""

    def __init__(self, *, begin: Begin, field: str, key: Hashable, caller: Caller) -> None:
        self._begin = begin
        self._field = field
        self._key = key
        self._caller = caller
        self._began = time.perf_counter()

    async def answers(self, sharing: Sharing, counted: AbstractContextManager[None]) -> AsyncGenerator[Answer, None]:
        """Every answer for this client, who is `counted` meanwhile. A state is given only where its bytes are new."""
        last: Answer | None = None
        now = metrics.SUBSCRIPTIONS.labels(self._field).track_inprogress()
        with counted, now, sharing.joined(self._key) as shared:
            while True:
                place = None
                async with aclosing(self._alone(shared, last.cursor if last else None)) as stream:
                    async for reached, answer in stream:
                        if last is None:
                            self._count(answer)
                        if last is None or not answer.repeats(last):
                            yield answer
                        last = answer
                        if (place := self._join(shared, reached, answer)) is not None:
                            break
                if place is None:
                    return
                while not place.is_lost:
                    newer = place.take()
                    if newer is not None:
                        if last is None or not newer.repeats(last):
                            yield newer
                        last = newer
                    elif place.tail.ended:
                        return
                    else:
                        await place.tail.more()

    def _count(self, first: Answer) -> None:
        outcome = "refused" if first.errors is not None else "ok"
        metrics.OPERATIONS.labels("subscription", outcome).observe(time.perf_counter() - self._began)

    def _join(self, shared: Shared, reached: Mark | None, answer: Answer) -> Place | None:
        return shared.join(reached, lambda: self._stream(shared, answer.cursor))

    async def _alone(self, shared: Shared, resume: str | None) -> Answers:
        """The stream, and at last what ended it, where that is an error."""
        try:
            async with aclosing(self._stream(shared, resume)) as stream:
                async for reached, answer in stream:
                    yield reached, answer
        except RefusedError as refused:
            yield None, refusal(refused.errors, self._caller, "subscription")
        except Exception as error:  # noqa: BLE001 - told to the client, and logged where it was not foreseen
            result = ExecutionResult(None, [as_graphql(error)])
            yield None, Answer(encode(result, self._caller), kind="subscription")

    async def _stream(self, shared: Shared, resume: str | None) -> Answers:
        """The stream run for itself: each answer, and how far it goes."""
        executor = self._begin(resume)
        if not isinstance(executor, Executor):
            raise RefusedError(executor)
        source: Any = create_source_event_stream(executor)
        source = await source if isawaitable(source) else source
        if isinstance(source, ExecutionResult):
            raise RefusedError(source.errors or [])
        async with aclosing(source) as updates:
            async for update in updates:
                yield update.mark, await self._answer(executor, shared, update)

    async def _answer(self, executor: Executor[Any], shared: Shared, update: Update) -> Answer:
        """The answer to one update, from those who came to the same place before where there are any."""

        def shareable() -> Made | Awaitable[Made]:
            value, cursor = update.make()
            outcome = execute_subscription_event(executor.build_per_event_executor(value))
            if isawaitable(outcome):
                return without_errors(outcome, cursor)
            return None if outcome.errors else self._encoded(outcome, cursor, update)

        async def without_errors(outcome: Awaitable[ExecutionResult], cursor: str | None) -> Made:
            """None for an answer with errors, since they carry the id of one request and may be mended soon."""
            result = await outcome
            return None if result.errors else self._encoded(result, cursor, update)

        answer = await shared.answer(update.place, shareable)
        if answer is not None:
            return answer
        value, cursor = update.make()
        outcome = execute_subscription_event(executor.build_per_event_executor(value))
        return self._encoded(await outcome if isawaitable(outcome) else outcome, cursor, update)

    def _encoded(self, result: ExecutionResult, cursor: str | None, update: Update) -> Answer:
        return Answer(
            encode(result, self._caller),
            kind="subscription",
            cursor=cursor,
            stream=self._field,
            happened=update.happened.timestamp() if update.happened is not None else None,
            is_state=update.is_state,
        )
