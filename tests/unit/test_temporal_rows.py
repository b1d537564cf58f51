"""What Temporal says of a run, as a row."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from temporalio.api.common.v1 import Memo, Payload, SearchAttributes, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionInfo

from app.model import Execution
from app.temporal.connection import Tenancy
from app.temporal.rows import attributes_of, execution_of
from tests.recordings import encoded


def attribute(value: Any, type_: str | None) -> Payload:
    metadata = {"encoding": b"json/plain"} | ({"type": type_.encode()} if type_ else {})
    return Payload(metadata=metadata, data=orjson.dumps(value))


@pytest.mark.parametrize(
    ("written", "type_", "shown"),
    [
        ("acme", "Keyword", "acme"),
        (["acme"], "Keyword", "acme"),
        ([3], "Int", 3),
        (["a", "b"], "Keyword", ["a", "b"]),
        (["acme"], "KeywordList", ["acme"]),
        (["acme"], None, ["acme"]),
        ([], "Keyword", []),
    ],
)
def test_a_list_of_one_is_that_one(written: Any, type_: str | None, shown: Any) -> None:
    found = attributes_of(SearchAttributes(indexed_fields={"TenantId": attribute(written, type_)}))
    assert found == {"TenantId": shown}


def row(memo: dict[str, Any], attributes: dict[str, Any]) -> Execution:
    info = WorkflowExecutionInfo(
        execution=WorkflowExecution(workflow_id="w", run_id="r"),
        memo=Memo(fields={name: encoded(value) for name, value in memo.items()}),
        search_attributes=SearchAttributes(
            indexed_fields={name: attribute(value, "Keyword") for name, value in attributes.items()}
        ),
    )
    info.start_time.FromSeconds(1)
    return execution_of("default", info, Tenancy("nobody", "nowhere"))


@pytest.mark.parametrize(
    ("payload", "metadata"),
    [
        (encoded({"order": 7}), {"order": 7}),
        (encoded({"encoding": "x", "data": "y"}), {"encoding": "x", "data": "y"}),
        (encoded("text"), {}),
        (encoded(None), {}),
        (Payload(metadata={"encoding": b"binary/encrypted"}, data=b"secret"), {}),
        (Payload(metadata={"encoding": b"json/plain"}, data=b"{"), {}),
    ],
)
def test_metadata_that_cannot_be_read_is_empty(payload: Payload, metadata: dict[str, Any]) -> None:
    info = WorkflowExecutionInfo(memo=Memo(fields={"metadata": payload}))
    info.start_time.FromSeconds(1)
    assert execution_of("default", info, Tenancy("nobody", "nowhere")).metadata == metadata


@pytest.mark.parametrize(
    ("memo", "attributes", "owner"),
    [
        ({}, {}, ("nobody", "nowhere")),
        ({"tenant": "acme"}, {}, ("acme", "nowhere")),
        ({"tenant": "globex"}, {"TenantId": "acme", "EnvironmentId": "prod"}, ("acme", "prod")),
        ({"environment": "prod"}, {"TenantId": ["acme"]}, ("acme", "prod")),
        ({"tenant": 7, "environment": ""}, {}, ("nobody", "nowhere")),
    ],
)
def test_whose_a_run_is(memo: dict[str, Any], attributes: dict[str, Any], owner: tuple[str, str]) -> None:
    found = row(memo, attributes)
    assert (found.tenant, found.environment) == owner
