"""The provisioning of tenants on a real Temporal and a real database: done once, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from temporalio.client import WorkflowFailureError, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Replayer

from app.workflows.tenants.workflow import TASK_QUEUE, TenantProvisioningWorkflow
from tests.conftest import TemporalServer
from tests.integration.worker_process import worker_process
from tests.tenants import ACTIONS, TENANT, UNDOING, Estate, Hand, Handle, state, summaries, until_state
from tests.waiting import eventually

HISTORIES = Path(__file__).parent.parent / "histories"
RECORDED = sorted(path.stem for path in HISTORIES.glob("tenants_*.json"))
STEPS = ["validate", "tenant", "environments", "administrator", "roles", "quotas", "defaults", "activate"]


@pytest.fixture
async def estate(temporal: TemporalServer, task_queue: str, database: str) -> Estate:
    return Estate(temporal.client, temporal.address, database, task_queue)


async def failure(handle: Handle) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError), cause
    return cause


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_history_replays(name: str) -> None:
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    replayed = await Replayer(workflows=[TenantProvisioningWorkflow]).replay_workflow(history)
    assert replayed.replay_failure is None


def test_each_way_to_end_was_recorded() -> None:
    assert RECORDED == ["tenants_cancelled", "tenants_changed", "tenants_failed", "tenants_made"]


async def test_a_tenant_is_made(estate: Estate) -> None:
    async with estate.worker():
        handle = await estate.start()
        result = await handle.result()
        stands = await state(handle)
    assert (result["tenant_id"], result["environments"]) == (TENANT, ["production", "staging"])
    assert (stands["status"], stands["progress"], stands["done"]) == ("completed", 100.0, STEPS)
    rows = await estate.rows()
    (tenant,), (key,), (hand_over,) = rows["tenants"], rows["api_keys"], rows["hand_overs"]
    assert {name: tenant[name] for name in ("status", "display_name", "company_name", "plan", "created_by")} == {
        "status": "ACTIVE",
        "display_name": "Acme Corporation",
        "company_name": "Acme Corp",
        "plan": "trial",
        "created_by": "ops@tideline.example",
    }
    assert [tenant[f"max_{each}"] for each in ("open_workflows", "starts_per_minute", "subscriptions", "api_keys")] == [
        2, 30, 20, 5,
    ]  # fmt: skip
    assert (tenant["default_environment"], tenant["task_queue"]) == ("production", "acme-tasks")
    assert (tenant["archive_retention_days"], tenant["administrator_email"]) == (30.0, "admin@acme.example")
    assert [each["environment"] for each in rows["tenant_environments"]] == ["production", "staging"]
    assert (key["roles"], key["tenant"], key["environment"]) == (["ADMIN"], TENANT, None)
    assert (str(key["id"]), str(hand_over["id"])) == (result["key_id"], result["hand_over_id"])
    assert hand_over["made_for"] == "ops@tideline.example"


@pytest.mark.parametrize("late", [False, True], ids=["before it acts", "after it has acted"])
async def test_each_step_may_break_once(estate: Estate, late: bool) -> None:
    async with estate.worker(Hand(late=late)) as hand:
        await (await estate.start()).result()
    assert hand.seen == [each for action in ACTIONS for each in (action, action)]
    assert {name: len(rows) for name, rows in (await estate.rows()).items()} == {
        "tenants": 1,
        "tenant_environments": 2,
        "api_keys": 1,
        "hand_overs": 1,
    }


@pytest.mark.parametrize("action", ACTIONS)
async def test_whichever_step_fails_for_good_nothing_is_left(estate: Estate, action: str) -> None:
    """It fails after it has acted: what it has done is taken back as well."""
    async with estate.worker(Hand(action)):
        handle = await estate.start()
        error = await failure(handle)
        stands = await state(handle)
    place = ACTIONS.index(action)
    undone = list(reversed(STEPS[1 : place + 1]))
    assert error.type == "ValidationError"
    assert error.message == f"Step {STEPS[place]} failed: broken for good. Everything was taken back."
    assert error.details[0] == {"step": STEPS[place], "undone": undone, "not_undone": []}
    assert [each.split(":")[0] for each in await summaries(handle, "compensate")] == undone
    assert (stands["status"], stands["undone"]) == ("failed", undone)
    assert await estate.is_empty()


@pytest.mark.parametrize("action", ACTIONS[:-1])
@pytest.mark.parametrize("by_signal", [True, False], ids=["by signal", "by Temporal"])
async def test_wherever_it_is_cancelled_nothing_is_left(estate: Estate, action: str, by_signal: bool) -> None:
    async with estate.worker(Hand(holds=action)) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        if by_signal:
            await handle.signal(
                "cancel", {"reason": "User requested cancellation", "requested_by": "admin@example.com"}
            )
        else:
            await handle.cancel(reason="User requested cancellation")
        await until_state(handle, lambda found: found["cancellation"] is not None)
        hand.go_on.set()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        stands = await state(handle)
    cause = failed.value.cause
    assert stands["status"] == "cancelled"
    if by_signal:
        assert isinstance(cause, ApplicationError)
        assert cause.type == "CancelledByRequest"
        assert cause.message.startswith("Cancelled by admin@example.com: User requested cancellation.")
        assert stands["cancellation"]["requested_by"] == "admin@example.com"
    else:
        assert isinstance(cause, CancelledError)
        assert stands["error"].startswith("Cancelled: User requested cancellation.")
    assert stands["cancellation"]["reason"] == "User requested cancellation"
    assert set(stands["done"]) <= {"validate"}
    assert await estate.is_empty()


async def test_what_is_done_is_not_cancelled(estate: Estate) -> None:
    """The cancellation comes while the last step is on its way."""
    async with estate.worker(Hand(holds=ACTIONS[-1])) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        await handle.signal("cancel", {"reason": "too late", "requested_by": "ann"})
        await until_state(handle, lambda found: found["cancellation"] is not None)
        hand.go_on.set()
        await handle.result()
        stands = await state(handle)
    assert stands["status"] == "completed"
    assert stands["refused"] == ["The tenant was there before the provisioning could be cancelled."]
    assert await estate.sql("select status from tenants") == "ACTIVE"


async def test_a_rollback_goes_on_whoever_cancels_it(estate: Estate) -> None:
    async with estate.worker(Hand("set_tenant_roles", holds="remove_environments")) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        await handle.cancel(reason="at once")
        await handle.signal("cancel", {"reason": "at once", "requested_by": "ann"})
        await until_state(handle, lambda found: found["refused"])
        hand.go_on.set()
        error = await failure(handle)
    assert error.details[0]["undone"] == ["roles", "administrator", "environments", "tenant"]
    assert (await state_without_worker(estate, handle))["status"] == "failed"
    assert await estate.is_empty()


async def state_without_worker(estate: Estate, handle: Handle) -> Any:
    async with estate.worker():
        return await state(handle)


async def test_a_step_that_cannot_be_taken_back_keeps_no_other_from_it(estate: Estate) -> None:
    """What is left is cleared when it is started again under its workflow id."""
    async with estate.worker(Hand("remove_environments", "set_tenant_defaults")):
        handle = await estate.start()
        error = await failure(handle)
    assert error.details[0]["not_undone"] == ["environments"]
    assert error.message.endswith(
        "Not taken back: environments. Start it again under this workflow id, which clears what is left."
    )
    assert await estate.is_empty(), "with the tenant its environments go, whatever became of that step"


async def test_what_a_terminated_run_left_the_next_one_of_its_id_takes_over(estate: Estate) -> None:
    async with estate.worker(Hand(holds="set_tenant_roles")) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        await handle.terminate("by mistake")
        other = await estate.start()
        assert (await failure(other)).message.startswith("Step validate failed: There is a tenant 'acme-corporation'")
        left = (await estate.rows())["api_keys"][0]["id"]
        hand.holds = None
        again = await estate.start(handle.id, company_name="Acme Ltd")
        await again.result()
        hand.go_on.set()
    rows = await estate.rows()
    assert [(each["status"], each["company_name"], each["roles"]) for each in rows["tenants"]] == [
        ("ACTIVE", "Acme Ltd", ["VIEWER", "STARTER", "OPERATOR", "ADMIN"])
    ]
    assert len(rows["api_keys"]) == 1
    assert rows["api_keys"][0]["id"] != left


async def test_a_tenant_that_is_there_is_left_alone(estate: Estate) -> None:
    async with estate.worker():
        await (await estate.start()).result()
        before = await estate.rows()
        error = await failure(await estate.start())
        assert (error.type, "already" in error.message) == ("AlreadyExistsError", True)
        assert await estate.rows() == before
        await estate.sql("insert into api_keys (name, prefix, digest, roles, tenant, created_by)"
            " values ('k', 'p', 'd', '{VIEWER}', 'used', 't')")  # fmt: skip
        error = await failure(await estate.start(tenant_id="used"))
        assert "has runs or API keys already" in error.message


async def test_a_wrong_input_is_refused_before_anything_is_done(estate: Estate) -> None:
    async with estate.worker() as hand:
        error = await failure(
            await estate.start(environments=[], admin_user={"first_name": "", "last_name": "a", "email": "b@c"})
        )
    assert {tuple(each["path"]) for each in error.details[0]} == {("environments",), ("admin_user", "first_name")}
    assert hand.seen == []


async def test_later_steps_are_done_as_signals_and_updates_say(estate: Estate) -> None:
    async with estate.worker(Hand(holds="create_environments")) as hand:
        handle = await estate.start()
        await hand.reached.wait()
        wanted = await handle.execute_update("update", {"billing_plan": "standard", "roles": ["viewer", "admin"]})
        assert (wanted["billing_plan"], wanted["roles"]) == ("standard", ["viewer", "admin"])
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("update", {"environments": ["other"]})
        assert "the step environments has begun" in str(refused.value.cause)
        await handle.signal("update", {"quotas": {"subscriptions": 3}})
        await handle.signal("update", {"tenant_name": "Other"})
        await until_state(handle, lambda found: found["refused"])
        hand.go_on.set()
        await handle.result()
        stands = await state(handle)
    assert stands["refused"] == ["tenant_name cannot be changed any more: the step tenant has begun."]
    (tenant,) = (await estate.rows())["tenants"]
    assert (tenant["plan"], tenant["roles"], tenant["max_subscriptions"]) == ("standard", ["VIEWER", "ADMIN"], 3)
    assert (tenant["max_open_workflows"], tenant["display_name"]) == (1000, "Acme Corporation")


async def test_another_worker_goes_on_where_a_killed_one_was(
    estate: Estate, temporal: TemporalServer, tmp_path: Path
) -> None:
    """It is killed in the middle of a step, while its statement waits for a lock."""
    told = {
        "DATABASE_URL": estate.database,
        "TEMPORAL_ADDRESS": temporal.address,
        "TIDELINE_QUEUES": TASK_QUEUE,
        "TIDELINE_LOG_LEVEL": "debug",
    }
    estate.task_queue = TASK_QUEUE
    holder = await asyncpg.connect(estate.database)
    try:
        async with holder.transaction():
            await holder.execute("lock table tenant_environments in access exclusive mode")
            async with worker_process(tmp_path / "first.log", **told) as first:
                handle = await estate.start()
                await eventually(lambda: waits_for_lock(estate), within=40)
                first.kill()
                await first.wait()
    finally:
        await holder.close()
    async with worker_process(tmp_path / "second.log", **told):
        # The attempt of the killed worker is over after thirty seconds, when nobody has heard of it.
        async with asyncio.timeout(80):
            await handle.result()
    assert {name: len(rows) for name, rows in (await estate.rows()).items()} == {
        "tenants": 1,
        "tenant_environments": 2,
        "api_keys": 1,
        "hand_overs": 1,
    }


async def waits_for_lock(estate: Estate) -> bool:
    return bool(
        await estate.sql(
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
            " where d.datname = current_database() and not l.granted"
        )
    )


async def test_no_step_is_without_its_way_back() -> None:
    assert [action for action, undo in UNDOING.items() if undo is None] == ["check_tenant"]
    assert len({*ACTIONS, *UNDOING.values()}) == 2 * len(ACTIONS)
