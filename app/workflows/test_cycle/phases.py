"""PURE. The phases of a test cycle, their order, and what is done about one that fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum


class TestCyclePhase(StrEnum):
    PLANNING = "planning"
    SCOPING = "scoping"
    SAMPLE_SELECTION = "sample_selection"
    DATA_OWNER_IDENTIFICATION = "data_owner_identification"
    REQUEST_FOR_INFORMATION = "request_for_information"
    TEST_EXECUTION = "test_execution"
    OBSERVATION_MANAGEMENT = "observation_management"
    FINALIZE_TEST_REPORT = "finalize_test_report"


class TestCycleCompensation(StrEnum):
    """What is done about a phase that failed."""

    ROLLBACK = "rollback"
    """Undo what the run has done, the last phase first, and fail."""
    NOTIFY = "notify"
    """Leave what was done, tell the manager, and fail."""
    SKIP = "skip"
    """Wait for somebody who mends it by hand, then go on behind the phase."""
    PARTIAL_ROLLBACK = "partial_rollback"
    """Undo the reports that failed and go on with the others."""


STAGES: tuple[tuple[TestCyclePhase, ...], ...] = (
    (TestCyclePhase.PLANNING,),
    (TestCyclePhase.SCOPING,),
    (TestCyclePhase.SAMPLE_SELECTION, TestCyclePhase.DATA_OWNER_IDENTIFICATION),
    (TestCyclePhase.REQUEST_FOR_INFORMATION,),
    (TestCyclePhase.TEST_EXECUTION,),
    (TestCyclePhase.OBSERVATION_MANAGEMENT,),
    (TestCyclePhase.FINALIZE_TEST_REPORT,),
)
"""In their order; the phases of one stage run side by side, and the next stage waits for all of them."""

PHASES = tuple(str(phase) for stage in STAGES for phase in stage)

COMPENSATIONS: Mapping[TestCyclePhase, TestCycleCompensation] = {
    TestCyclePhase.PLANNING: TestCycleCompensation.ROLLBACK,
    TestCyclePhase.SCOPING: TestCycleCompensation.ROLLBACK,
    TestCyclePhase.SAMPLE_SELECTION: TestCycleCompensation.PARTIAL_ROLLBACK,
    TestCyclePhase.DATA_OWNER_IDENTIFICATION: TestCycleCompensation.SKIP,
    TestCyclePhase.REQUEST_FOR_INFORMATION: TestCycleCompensation.NOTIFY,
    TestCyclePhase.TEST_EXECUTION: TestCycleCompensation.PARTIAL_ROLLBACK,
    TestCyclePhase.OBSERVATION_MANAGEMENT: TestCycleCompensation.NOTIFY,
    TestCyclePhase.FINALIZE_TEST_REPORT: TestCycleCompensation.NOTIFY,
}
"""Where the input says nothing else."""


def parallel_group(stage: tuple[TestCyclePhase, ...]) -> str | None:
    """What phases that run side by side are called together."""
    return " and ".join(stage) if len(stage) > 1 else None


def reversed_phases() -> Iterator[TestCyclePhase]:
    """The last one first, as work is undone."""
    for stage in reversed(STAGES):
        yield from reversed(stage)
