"""The vocabulary: what Tideline talks about, as frozen values.

Words are Temporal's for Temporal's things. Every time is an aware UTC `datetime`, every span is in seconds unless
its name says `_ms`, every identifier is the string that Temporal uses.

An *execution* is one run of a workflow: a workflow id names it for people, a run id names it exactly. Runs that
continue one another (continue-as-new, retry, cron, reset) form a *chain*. The *history* is the run's event log; the
*projection* is what the history says, folded; *pending* is what only describe tells (running attempts, heartbeats).
A *cursor* is a place in a log; a *change* is one entry of the log of the lists.
"""

from app.model.activity import (
    Activity,
    ActivityStatus,
    Attempt,
    Compensation,
    Heartbeat,
    PendingActivity,
    PendingActivityState,
    PendingWorkflowTask,
)
from app.model.api_key import ApiKey
from app.model.change import (
    AlertChangeKind,
    Change,
    ChangeCursor,
    ChangeKind,
    Cursor,
    Gap,
    LogPlace,
)
from app.model.execution import (
    SAME_MOMENT,
    Description,
    Execution,
    ExecutionRef,
    Glimpse,
    WorkflowStatus,
    merged,
)
from app.model.failure import (
    Failure,
    FailureKind,
    RetryPolicy,
)
from app.model.progress import (
    Blocker,
    BlockerKind,
    Profile,
    ProfileStep,
    Progress,
    ProgressPoint,
    ProgressSource,
)
from app.model.projection import (
    Projection,
    RunView,
)
from app.model.published import (
    Published,
    published_in,
)
from app.model.tenant import (
    NOBODY,
    Quotas,
    Tenant,
    TenantStatus,
    TenantUsage,
)
from app.model.timeline import (
    Phase,
    PhaseStatus,
    TimelineItem,
    TimelineKind,
    TimelineStatus,
)
from app.model.values import (
    Json,
    Page,
    Payload,
    milliseconds,
)

__all__ = [
    "NOBODY",
    "SAME_MOMENT",
    "Activity",
    "ActivityStatus",
    "AlertChangeKind",
    "ApiKey",
    "Attempt",
    "Blocker",
    "BlockerKind",
    "Change",
    "ChangeCursor",
    "ChangeKind",
    "Compensation",
    "Cursor",
    "Description",
    "Execution",
    "ExecutionRef",
    "Failure",
    "FailureKind",
    "Gap",
    "Glimpse",
    "Heartbeat",
    "Json",
    "LogPlace",
    "Page",
    "Payload",
    "PendingActivity",
    "PendingActivityState",
    "PendingWorkflowTask",
    "Phase",
    "PhaseStatus",
    "Profile",
    "ProfileStep",
    "Progress",
    "ProgressPoint",
    "ProgressSource",
    "Projection",
    "Published",
    "Quotas",
    "RetryPolicy",
    "RunView",
    "Tenant",
    "TenantStatus",
    "TenantUsage",
    "TimelineItem",
    "TimelineKind",
    "TimelineStatus",
    "WorkflowStatus",
    "merged",
    "milliseconds",
    "published_in",
]
