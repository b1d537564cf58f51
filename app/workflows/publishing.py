"""What the catalog's workflows publish: phases and progress in the memo, a sentence in the details."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

T = TypeVar("T")

_CARRIED = "carried"

FINAL = ("ValidationError", "AuthenticationError", "NotFoundError", "TooManyErrorsError")
"""Types of failures that no other attempt can mend."""


@contextmanager
def phase(name: str, group: str | None = None) -> Iterator[None]:
    """Publish that the phase has started, and completed or failed. Phases of one `group` run side by side."""
    publish_phase(name, "started", group)
    workflow.set_current_details(f"Phase **{name}**")
    try:
        yield
    except (FailureError, asyncio.CancelledError) as error:
        publish_phase(name, "failed", group)
        workflow.set_current_details(f"Phase **{name}** ended: {error}")
        raise
    publish_phase(name, "completed", group)


def publish_phase(name: str, status: str, group: str | None = None) -> None:
    workflow.upsert_memo(
        {"phase": {"name": name, "status": status} | ({} if group is None else {"parallelGroup": group})}
    )


def publish_progress(
    step: str, percent: float | None, message: str, completed: int | None = None, total: int | None = None
) -> None:
    progress = {"step": step, "percent": percent, "message": message, "completed": completed, "total": total}
    workflow.upsert_memo({"progress": progress})
    workflow.set_current_details(f"Phase **{step}**: {message}")


def percent_of(done: int, expected: int | None) -> float | None:
    return min(100.0, round(100.0 * done / expected, 1)) if expected else None


def carried(kind: type[T]) -> T | None:
    """What the run before this one, which continued as new, has handed on."""
    handed: T | None = workflow.memo_value(_CARRIED, None, type_hint=kind)
    return handed


def go_on(request: Any, handed: Any) -> NoReturn:
    """Continue as new, with the memo as it is and what the next run begins with: not in the input, which is for those
    who start a run."""
    workflow.continue_as_new(request, memo={**workflow.memo(), _CARRIED: handed})


def refuse(wrong: Iterable[tuple[tuple[str | int, ...], str]]) -> None:
    """Fail the run with every wrong field of its input, if there is one."""
    if found := list(wrong):
        raise ApplicationError(
            "The input is wrong: " + " ".join(message for _, message in found),
            [{"path": list(path), "message": message} for path, message in found],
            type="ValidationError",
            non_retryable=True,
        )
