"""The state of a fold: what the handlers of the events read and change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import UserMetadata

from app.history.standing import Standing
from app.history.timeline import Timeline
from app.model import (
    Activity,
    ExecutionRef,
    Json,
    Phase,
    ProgressPoint,
    Projection,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
)
from app.protos import text_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fold:
    def __init__(self, ref: ExecutionRef) -> None:
        self.ref = ref
        self.run = Projection()
        """The fields of the run itself; the collections live below until a snapshot joins them."""
        self.event_id = 0
        self.time = EPOCH
        """The time of the event being folded."""
        self.activities: dict[int, Activity] = {}
        """By the id of the event that scheduled (or, for a local one, recorded) it, in that order."""
        self.closed_activities = 0
        self.compensations: list[int] = []
        self.local_retries: dict[tuple[str, datetime], int] = {}
        """Local activities that wait for a timer before they go on: (type, first schedule time) to their
        id."""
        self.timeline = Timeline()
        self.phases: dict[str, Phase] = {}
        self.updates: dict[str, str] = {}
        """Update id to timeline key."""
        self.pause_key: str | None = None
        self.published: Mapping[str, Json] | None = None
        self.points: list[ProgressPoint] = []
        self.step: str | None = None
        self.standing = Standing()
        self.moved = False
        """Whether the event being folded changed durable progress."""

    def set(self, **changes: Any) -> None:
        """Change fields of the run."""
        self.run = replace(self.run, **changes)

    def move(self, step: str | None = None) -> None:
        """Note that durable progress changed."""
        self.moved = True
        if step:
            self.step = step

    def mark(self) -> None:
        """Write the log of progress, once per event."""
        if not self.moved:
            return
        self.moved = False
        if not self.run.status.is_closed:  # The end of a run ends what is open, which is no progress.
            self.standing.note(len(self.activities), self.closed_activities, self.phases)
        self.points.append(
            ProgressPoint(
                event_id=self.event_id,
                time=self.time,
                status=self.run.status,
                scheduled=len(self.activities),
                closed=self.closed_activities,
                published=self.published,
                step=self.step,
                percent=self.standing.percent,
                full=self.standing.full,
                phases_done=self.standing.phases_done,
                phases_known=len(self.phases),
            )
        )

    def add_bar(
        self,
        key: str,
        kind: TimelineKind,
        name: str,
        status: TimelineStatus = TimelineStatus.SCHEDULED,
        *,
        end_time: datetime | None = None,
        **more: Any,
    ) -> None:
        """Begin a bar of the timeline with the event being folded."""
        self.timeline.add(
            TimelineItem(
                key=key,
                kind=kind,
                name=name,
                status=status,
                start_time=self.time,
                end_time=end_time,
                lane=self.timeline.lane(self.time, end_time),
                event_ids=(self.event_id,),
                **more,
            )
        )

    def add_moment(self, key: str, kind: TimelineKind, name: str, **more: Any) -> None:
        """An instantaneous item."""
        self.add_bar(key, kind, name, TimelineStatus.COMPLETED, end_time=self.time, **more)

    def change_bar(self, key: str, **changes: Any) -> None:
        self.timeline.change(key, self.event_id, **changes)

    def end_bar(self, key: str, status: TimelineStatus, **changes: Any) -> None:
        self.timeline.end(key, status, self.time, self.event_id, **changes)


def summary_of(event: HistoryEvent) -> str | None:
    return text_of(event.user_metadata.summary) if event.HasField("user_metadata") else None


def details_of(metadata: UserMetadata) -> str | None:
    return text_of(metadata.details)


def set_only(**fields: Json) -> dict[str, Json]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value}
