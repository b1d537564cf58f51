"""The progress of closed runs, of the parts of their projection that it is read from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.model import ActivityStatus, Phase, PhaseStatus, Profile, ProgressSource, Projection, WorkflowStatus
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
    told = [progress(whole, (), START + timedelta(seconds=seconds)) for seconds in (0, 100)]
    assert told[0] == told[1]
    if status is WorkflowStatus.COMPLETED or told[0].source is ProgressSource.PUBLISHED:
        assert closed_progress(parts(whole)) == told[0]
    else:
        with pytest.raises(LookupError, match="profile"):
            closed_progress(parts(whole))


@pytest.mark.parametrize("status", CLOSED)
def test_a_run_stays_where_its_profile_told_that_it_was(status: WorkflowStatus) -> None:
    usual = Profile("default", "acme", "production", "Sync", 20, 100.0, 100.0, 1.0)
    running = run()
    closed = replace(run(status=status), close_time=START + timedelta(seconds=60))
    before = progress(running, (), START + timedelta(seconds=60), usual)
    after = progress(closed, (), START + timedelta(days=1), usual)
    percent = 100.0 if status is WorkflowStatus.COMPLETED else before.percent
    assert (before.percent, after.percent, after.eta_seconds) == (60.0, percent, None)


@pytest.mark.parametrize("changes", [{"status": WorkflowStatus.RUNNING}, {"last_event_time": None}])
def test_a_projection_that_does_not_say_that_it_closed_tells_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(LookupError):
        closed_progress(parts(replace(run(status=WorkflowStatus.COMPLETED), **changes)))
