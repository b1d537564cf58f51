"""How a workflow is started, in Temporal's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from app.model.failure import RetryPolicy
from app.model.values import Json


class IdReusePolicy(StrEnum):
    """Whether a workflow id that has a closed run can be used again."""

    ALLOW_DUPLICATE = "ALLOW_DUPLICATE"
    ALLOW_DUPLICATE_FAILED_ONLY = "ALLOW_DUPLICATE_FAILED_ONLY"
    REJECT_DUPLICATE = "REJECT_DUPLICATE"


class IdConflictPolicy(StrEnum):
    """What happens to a start whose workflow id has an open run."""

    FAIL = "FAIL"
    USE_EXISTING = "USE_EXISTING"
    TERMINATE_EXISTING = "TERMINATE_EXISTING"


@dataclass(frozen=True, slots=True)
class Priority:
    """None leaves the server's default. `key` is 1, most urgent, to 5; `fairness_weight` is 0.001 to 1000."""

    key: int | None = None
    fairness_key: str | None = None
    fairness_weight: float | None = None


@dataclass(frozen=True, slots=True)
class VersioningOverride:
    """A deployment and build that a run stays on; without them it goes with the current one."""

    deployment: str | None = None
    build_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """What every start may say. `input` is the list of arguments; spans are in seconds, and None leaves the server's
    default."""

    input: Sequence[Json] = ()
    memo: Mapping[str, Json] = field(default_factory=dict)
    search_attributes: Mapping[str, Json] = field(default_factory=dict)
    summary: str | None = None
    details: str | None = None
    execution_timeout: float | None = None
    run_timeout: float | None = None
    task_timeout: float | None = None
    start_delay: float | None = None
    retry_policy: RetryPolicy | None = None
    priority: Priority | None = None
    versioning_override: VersioningOverride | None = None
    id_reuse_policy: IdReusePolicy = IdReusePolicy.ALLOW_DUPLICATE
    id_conflict_policy: IdConflictPolicy = IdConflictPolicy.FAIL
