"""How a workflow is started, in Temporal's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
