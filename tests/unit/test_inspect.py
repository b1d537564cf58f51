"""History files, read and drawn."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from temporalio.client import WorkflowHistory

from app import inspect
from app.errors import ConfigurationError
from tests.recordings import HISTORIES, NAMES, folded


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [20, 80, 100])
def test_every_recording_is_drawn_within_its_width(name: str, width: int) -> None:
    text = inspect.render_table(inspect.read(HISTORIES / f"{name}.json"), width)
    assert max(len(line) for line in text.splitlines()) <= max(width, 60)
    assert folded(name).workflow_type in text.splitlines()[0]
    assert folded(name).status.value in text.splitlines()[0]


def test_table() -> None:
    lines = inspect.render_table(inspect.read(HISTORIES / "sync.json")).splitlines()
    assert lines[0].split()[:2] == ["Sync", "COMPLETED"]
    assert lines[1].startswith("id recorded-")
    (fetch,) = (line for line in lines if line.startswith("fetch") and "COMPLETED" in line)
    assert fetch.split()[1:3] == ["COMPLETED", "3"]
    assert fetch.endswith("connection refused")
    chart = lines[next(place for place, line in enumerate(lines) if line.startswith("TIMELINE")) + 1 :]
    bars = {line.split()[0]: line for line in chart if line}
    assert bars["extract"].index("█") < bars["Let"].index("█")
    assert bars["extract"].rstrip().endswith("completed")
    assert "verify" in bars


def test_json() -> None:
    document = orjson.loads(inspect.render_json(inspect.read(HISTORIES / "compensated.json")))
    assert document["status"] == "FAILED"
    assert document["workflowId"].startswith("recorded-")
    assert document["failure"]["cause"]["message"] == "no such source"
    assert [each["activityType"] for each in document["activities"]] == ["write", "fetch", "undo"]
    assert document["activities"][0]["result"] == 1
    assert document["activities"][1]["failure"]["details"] == [{"source": "broken"}]
    assert document["phases"][0]["status"] == "FAILED"
    assert document["compensations"] == [{"name": "Compensate write", "status": "COMPLETED"}]
    assert document["durationMs"] > 0
    assert {item["kind"] for item in document["timeline"]} == {"WORKFLOW_TASK", "PHASE", "ACTIVITY"}


def test_a_bare_list_and_what_the_sdk_writes_are_read_too(tmp_path: Path) -> None:
    content = (HISTORIES / "sync.json").read_text()
    events = orjson.loads(content)["events"]
    (tmp_path / "list.json").write_bytes(orjson.dumps(events))
    (tmp_path / "sdk.json").write_text(WorkflowHistory.from_json("w", content).to_json())
    for name in ("list.json", "sdk.json"):
        assert inspect.read(tmp_path / name).projection.activities == folded("sync").activities


def test_unknown_types_and_fields_are_passed_over(tmp_path: Path) -> None:
    document = orjson.loads((HISTORIES / "sync.json").read_bytes())
    document["events"][0]["workflowExecutionStartedEventAttributes"]["novelty"] = {"a": 1}
    last = len(document["events"]) + 1
    document["events"].append({"eventId": str(last), "eventType": "EVENT_TYPE_NOVELTY", "noveltyEventAttributes": {}})
    path = tmp_path / "new.json"
    path.write_bytes(orjson.dumps(document))
    told = inspect.read(path).projection
    assert told.last_event_id == last
    assert told.activities == folded("sync").activities


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"not json", "is not JSON"),
        (b"", "is not JSON"),
        (b"{}", "holds no events"),
        (b"[]", "holds no events"),
        (b"7", "holds no events"),
        (b'{"events": 5}', "holds no Temporal events"),
        (b'["text"]', "holds no Temporal events"),
        (b'[{"eventId": "many"}]', "holds no Temporal events"),
        (b'[{"eventId": "1", "timerStartedEventAttributes": 5}]', "holds no Temporal events"),
        (b'[{"eventId": "1", "eventTime": "yesterday"}]', "holds no Temporal events"),
    ],
)
def test_errors_are_clear_sentences(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "history.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        inspect.read(path)
    assert f"The history file {path}" in caught.value.message
    assert sentence in caught.value.message
