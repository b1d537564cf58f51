"""What one would have to know to name a tenant's things."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.api.node import Bound, node_id, node_id_of
from app.cursors import seal
from app.gateway.acting.consistency import Written
from app.model import (
    Activity,
    ActivityStatus,
    Cursor,
    ExecutionRef,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
)

ACTIVITY_EVENT = 3
"""Of the closed run: the one with which its activity was scheduled."""
_SHORT = 5
"""Letters that are found in anything."""


@dataclass(frozen=True)
class Names:
    tenant: str
    workflow_id: str
    closed_id: str
    run_id: str
    closed_run_id: str
    schedule_id: str
    key_id: str
    job_id: str
    hand_over_id: str
    idempotency_key: str
    alert_id: str
    cursor: str
    place: str
    alert_cursor: str
    change_cursor: str
    token: str

    @property
    def values(self) -> Mapping[str, str]:
        """Everything that can be named, by its name."""
        return {**vars(self), **{name: getattr(self, name) for name in _DERIVED}}

    @property
    def ref(self) -> ExecutionRef:
        """The open run, by its name in Temporal."""
        return ExecutionRef("default", self.whole_id, self.run_id)

    @property
    def closed_ref(self) -> ExecutionRef:
        return ExecutionRef("default", self.closed_id, self.closed_run_id)

    @property
    def whole_id(self) -> str:
        return f"{self.tenant}/default/{self.workflow_id}"

    @property
    def whole_schedule(self) -> str:
        return f"{self.tenant}/default/{self.schedule_id}"

    @property
    def node(self) -> str:
        return str(node_id_of(self.ref))

    @property
    def closed_node(self) -> str:
        return str(node_id_of(self.closed_ref))

    @property
    def activity_node(self) -> str:
        activity = Activity("1", "x", ActivityStatus.FAILED, ACTIVITY_EVENT, datetime.now(UTC))
        return str(node_id(Bound(self.closed_ref, activity)))

    @property
    def timeline_node(self) -> str:
        item = TimelineItem(
            f"activity:{ACTIVITY_EVENT}", TimelineKind.ACTIVITY, "x", TimelineStatus.RUNNING, datetime.now(UTC)
        )
        return str(node_id(Bound(self.closed_ref, item)))

    @property
    def alert_node(self) -> str:
        return base64.urlsafe_b64encode(f'Alert:["{self.alert_id}"]'.encode()).decode()

    @property
    def event_cursor(self) -> str:
        return seal("run", Cursor(*_parts(self.ref), 1))

    @property
    def own_token(self) -> str:
        """As anybody could write one."""
        return seal("consistency", Written(*_parts(self.ref), "RUNNING", self.tenant, "default"))

    @property
    def task_token(self) -> str:
        """What a worker is given with an activity, as far as a gateway reads it."""
        fields = ((2, self.whole_id), (3, self.run_id), (6, "1"))
        raw = b"".join(bytes((8 * number + 2, len(text.encode()))) + text.encode() for number, text in fields)
        return base64.b64encode(raw).decode()

    def fill(self, text: str) -> str:
        """The text with each `<name>` replaced."""
        for name, value in self.values.items():
            text = text.replace(f"<{name}>", value)
        return text

    def blurred(self, answer: str) -> str:
        """The answer with each of the names in the place of its value."""
        for name, value in sorted(self.values.items(), key=lambda each: -len(each[1])):
            answer = answer.replace(value, f"<{name}>") if len(value) > _SHORT else answer
        return answer


def nobodys() -> Names:
    """Names of the same shape that nothing has."""
    return Names(
        tenant=f"t-{uuid.uuid4().hex[:8]}",
        workflow_id=f"sync-{uuid.uuid4().hex}",
        closed_id=f"sync-{uuid.uuid4().hex}",
        run_id=str(uuid.uuid4()),
        closed_run_id=str(uuid.uuid4()),
        schedule_id=f"nightly-{uuid.uuid4().hex}",
        key_id=str(uuid.uuid4()),
        job_id=str(uuid.uuid4()),
        hand_over_id=str(uuid.uuid4()),
        idempotency_key=f"key-{uuid.uuid4().hex}",
        alert_id="999999999",
        cursor=seal("nobody", ("x",)),
        place=seal("nobody", ("x",)),
        alert_cursor=seal("nobody", ("x",)),
        change_cursor=seal("nobody", ("x",)),
        token=seal("nobody", ("x",)),
    )


def _parts(ref: ExecutionRef) -> tuple[str, str, str]:
    return ref.namespace, ref.workflow_id, ref.run_id


_DERIVED = [name for name, each in vars(Names).items() if isinstance(each, property) and name.islower()
            and name not in {"values", "ref", "closed_ref"}]  # fmt: skip
