"""Pydantic models as payloads of the catalog's workflows, by a real worker."""

from __future__ import annotations

import uuid

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Worker

from app.workflows.conversion import CONVERTER
from tests.conftest import TemporalServer
from tests.modelled_workflows import Line, Sum, Summing


async def test_models_go_both_ways(temporal: TemporalServer, task_queue: str) -> None:
    client = await Client.connect(temporal.address, data_converter=CONVERTER)
    async with Worker(client, task_queue=task_queue, workflows=[Summing]):
        name = f"sum-{uuid.uuid4().hex[:8]}"
        total = await client.execute_workflow(
            Summing.run, Sum([Line(amount=1), Line(amount=2)]), id=name, task_queue=task_queue
        )
        assert total == Line(amount=3)
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow("Summing", {"lines": [{}]}, id=name, task_queue=task_queue)
