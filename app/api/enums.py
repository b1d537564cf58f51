"""The model's enums in GraphQL: registering them here is what makes them GraphQL types."""

from __future__ import annotations

import strawberry

from app import access, cluster, model
from app.alerting import AlertKind, Severity
from app.gateway.acting.abilities import WorkflowAction
from app.gateway.acting.orders import ResetPoint
from app.model import options
from app.store.stats import StatsBucket, StatsGroup
from app.temporal.resets import Replayed
from app.temporal.updates import UpdateStage

strawberry.enum(model.WorkflowStatus, description="Where a run stands. All but RUNNING and PAUSED are closed.")
strawberry.enum(model.ActivityStatus, description="Where an activity stands. RETRYING waits for its next attempt.")
strawberry.enum(model.TimelineKind, description="What a bar of the timeline stands for.")
strawberry.enum(model.TimelineStatus, description="Where a bar of the timeline stands.")
strawberry.enum(model.PhaseStatus, description="Where a phase stands.")
strawberry.enum(
    model.ProgressSource,
    description=(
        "Where progress was read, best first: published by the workflow in its memo, heartbeats, phases, the"
        " profile of its type, its activities' count, its status alone."
    ),
)
strawberry.enum(model.BlockerKind, description="Why a run is not moving.")
strawberry.enum(model.FailureKind, description="Which of Temporal's failures it is.")
strawberry.enum(access.Role, description="What somebody may do within a tenant; PLATFORM stands above tenants.")
strawberry.enum(access.Action, name="Permission", description="One thing that can be done.")
strawberry.enum(
    model.TenantStatus, description="Only callers of an ACTIVE tenant come in, and only for one are runs started."
)
strawberry.enum(WorkflowAction, description="Something that can be done to a run, by the mutation of its name.")
strawberry.enum(ResetPoint, description="A point of a run's history.")
strawberry.enum(Replayed, name="ResetExclusion", description="What a reset can keep from the new run.")
strawberry.enum(UpdateStage, name="WorkflowUpdateStage", description="How far an update has come.")
strawberry.enum(
    cluster.OverlapPolicy,
    name="ScheduleOverlapPolicy",
    description="What happens when a schedule's next run is due and the one before is still open.",
)
strawberry.enum(cluster.TaskQueueKind, description="Which tasks of a task queue.")
strawberry.enum(cluster.WorkerStatus, description="Where a worker stands, by its last heartbeat.")
strawberry.enum(cluster.BatchState, name="BatchOperationState", description="Where a batch operation stands.")
strawberry.enum(cluster.AttributeType, name="SearchAttributeType", description="What a search attribute holds.")
strawberry.enum(StatsGroup, description="What statistics are grouped by.")
strawberry.enum(StatsBucket, description="A span of UTC; weeks begin on Monday.")
strawberry.enum(AlertKind, description="What a rule of alerts looks at.")
strawberry.enum(Severity, name="AlertSeverity")
strawberry.enum(
    options.IdReusePolicy,
    name="WorkflowIdReusePolicy",
    description="Whether a workflow id that has a closed run can be used again.",
)
strawberry.enum(
    options.IdConflictPolicy,
    name="WorkflowIdConflictPolicy",
    description=(
        "What happens to a start whose workflow id has an open run: it is refused, that run is used, or it is"
        " terminated first, which needs the permission to terminate."
    ),
)
