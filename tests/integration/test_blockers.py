"""What the real server tells of runs that wait, and of those that were ended meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.gateways import Host
from tests.integration.states import Handle, Stage
from tests.integration.test_acts_activities import act, in_state, named, status
from tests.waiting import eventually

RUN = """query ($workflowId: String!) { workflow(workflowId: $workflowId) {
  status startTime executionTime closeTime progress { percent etaSeconds source }
  blockers { kind message since activityId nextAttemptTime }
  activities { nodes { status attempts { attempt startTime closeTime } } } } }"""


async def told(host: Host, run: Handle) -> Any:
    return (await host.data(RUN, workflowId=run.id))["workflow"]


async def profiled(host: Host) -> None:
    """The workflow type of the stage usually takes 0.1 s."""
    await host.database.execute(
        "insert into profiles (namespace, tenant, environment, workflow_type, runs, p50, p90, activities)"
        " values ('default', 'default', 'default', 'Acted', 20, 0.1, 0.1, 0)"
    )


async def test_a_retried_activity_blocks_since_its_last_attempt_ended(host: Host, stage: Stage) -> None:
    began = datetime.now(UTC)
    run = await in_state(host, stage, "retrying")
    found = await told(host, run)
    [blocker] = found["blockers"]
    assert blocker["kind"] == "ACTIVITY_RETRYING"
    assert began <= datetime.fromisoformat(blocker["since"]) <= datetime.now(UTC)
    [first, _] = found["activities"]["nodes"][0]["attempts"]
    assert first["closeTime"] == blocker["since"]
    assert status(await act(host, "pause", named(run))) == "PAUSED"
    found = await told(host, run)
    [paused] = found["blockers"]
    assert paused["kind"] == "ACTIVITY_PAUSED"
    assert datetime.fromisoformat(blocker["since"]) < datetime.fromisoformat(paused["since"]) <= datetime.now(UTC)


async def test_a_delayed_run_waits_until_its_execution_time(host: Host, stage: Stage) -> None:
    await profiled(host)
    run = await stage.start("wait", start_delay=timedelta(hours=1))
    found = await told(host, run)
    assert found["progress"]["percent"] == 0
    assert 3500 < found["progress"]["etaSeconds"] < 3601
    [blocker] = found["blockers"]
    begins = datetime.fromisoformat(found["executionTime"])
    assert (blocker["kind"], blocker["message"]) == ("TIMER", f"Waiting until its execution time {begins.isoformat()}")
    assert blocker["since"] == found["startTime"]


async def test_a_run_that_was_terminated_stays_where_it_was(host: Host, stage: Stage) -> None:
    await profiled(host)
    run = await stage.running()

    async def percent() -> float:
        return float((await told(host, run))["progress"]["percent"])

    before = await eventually(percent, lambda found: found >= 99)
    await run.terminate()
    found = await eventually(lambda: told(host, run), lambda found: found["status"] == "TERMINATED")
    assert found["progress"] == {"percent": before, "etaSeconds": None, "source": "PROFILE"}
