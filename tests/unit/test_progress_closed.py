"""The progress of closed runs, of the parts of their projection that it is read from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.model import ActivityStatus, Phase, PhaseStatus, Projection, WorkflowStatus
from app.progress import OF_CLOSED, closed_progress, progress
from app.store.archive import _decoder
from tests.recordings import START
from tests.unit.test_progress import run

CLOSED = [status for status in WorkflowStatus if status.is_closed]
PHASES = (Phase("load", PhaseStatus.COMPLETED, START, START), Phase("send", PhaseStatus.STARTED, START))


def parts(projection: Projection) -> Any:
    """As the archive gives them."""
    return _decoder(OF_CLOSED).decode(msgspec.msgpack.encode(projection))


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize(
    "projection",
    [
        {},
        {"states": (ActivityStatus.COMPLETED, ActivityStatus.FAILED)},
        {"states": (ActivityStatus.COMPLETED,), "published": {"percent": 40, "step": "half"}},
        {"states": (ActivityStatus.COMPLETED,), "published": {"message": "of some"}},
        {"states": (ActivityStatus.COMPLETED,), "phases": PHASES},
    ],
)
def test_it_is_told_as_whoever_asks_is_told(status: WorkflowStatus, projection: dict[str, Any]) -> None:
    given = {key: value for key, value in projection.items() if key != "states"}
    whole = run(*projection.get("states", ()), status=status, **given)
    for seconds in (0, 100):
        assert closed_progress(parts(whole)) == progress(whole, (), START + timedelta(seconds=seconds))


@pytest.mark.parametrize("changes", [{"status": WorkflowStatus.RUNNING}, {"last_event_time": None}])
def test_a_projection_that_does_not_say_that_it_closed_tells_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        closed_progress(parts(replace(run(status=WorkflowStatus.COMPLETED), **changes)))
