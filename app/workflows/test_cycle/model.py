"""What a test cycle is asked, what its activities pass to each other, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from app.workflows.test_cycle.phases import TestCycleCompensation, TestCyclePhase


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model behind an endpoint that speaks OpenAI's chat completions."""

    connection: str
    """The name under which the worker knows the endpoint, as https://KEY@host/v1; never the key itself."""
    model: str
    """As the endpoint names it."""
    timeout_seconds: float = 60.0
    """Of one request, 1 to 600."""
    token_budget: int = 20_000
    """Tokens that all requests for one report may use, prompts and answers together."""
    max_answer_tokens: int = 4_000
    """Tokens of one answer."""


@dataclass(frozen=True, slots=True)
class Mail:
    """How people are written to."""

    connection: str
    """The name under which the worker knows the mail server, as smtp://user:password@host:25 or smtps://."""
    sender: str


@dataclass(frozen=True, slots=True)
class PhaseCompensation:
    """What is done when a phase fails."""

    phase: TestCyclePhase
    strategy: TestCycleCompensation


@dataclass(frozen=True, slots=True)
class TestCycleInput:
    """Test the data behind the reports of one cycle: which values to look at, whose they are, whether they are right.

    Everything that is found stands in the tables of `schema_name`, where people may change it between the phases.
    """

    cycle_id: int
    report_ids: tuple[int, ...]
    """The reports to test, side by side; 1 to 50."""
    connection: str
    """The name of the worker's Postgres connection with the tables of the test cycle."""
    tenant_id: str = "default"
    environment_id: str = "default"
    schema_name: str = "test_cycle"
    skip_phases: tuple[TestCyclePhase, ...] = ()
    """Phases to leave out; the later ones use what already stands in the tables."""
    approvals: tuple[TestCyclePhase, ...] = (
        TestCyclePhase.SCOPING,
        TestCyclePhase.REQUEST_FOR_INFORMATION,
        TestCyclePhase.OBSERVATION_MANAGEMENT,
    )
    """Phases behind which somebody must approve before the cycle goes on."""
    approval_hours: float = 72.0
    """How long a decision is waited for; the manager is reminded after half of it."""
    compensations: tuple[PhaseCompensation, ...] = ()
    """Where a phase is to be compensated in another way than usual."""
    language_model: LanguageModel | None = None
    """Drafts the attributes; not needed when planning is skipped."""
    mail: Mail | None = None
    """Without it, what would be mailed is only kept in the table `notices`."""
    lowest_risk: int = 2
    """Attributes of at least this risk are in scope, 1 to 5."""
    sample_size: int = 25
    """Records of each report that are tested, 1 to 10000."""


@dataclass(frozen=True, slots=True)
class ReportRef:
    """One report of one cycle, and who works on it: what every activity is about."""

    tenant_id: str
    environment_id: str
    cycle_id: int
    report_id: int
    connection: str
    schema_name: str
    made_by: str
    """The workflow id, kept beside every row that it writes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be. An empty value fits every rule but `required`."""

    kind: Literal["required", "range", "one_of", "length"]
    minimum: float | None = None
    """For range: the least number."""
    maximum: float | None = None
    """For range the greatest number, for length the most characters."""
    values: tuple[str, ...] | None = None
    """For one_of: the values that may be."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of a report's records that is worth a test."""

    name: str
    rule: Rule
    risk: int
    """1 to 5."""
    rationale: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a report's records: what attributes can be drafted for."""

    report_name: str
    columns: tuple[str, ...]
    """Each as `name type`."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(each.split(" ", 1)[0] for each in self.columns)


@dataclass(frozen=True, slots=True)
class Draft:
    attributes: tuple[Attribute, ...]
    tokens: int
    """What it has used of the budget, by all attempts."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell somebody."""

    kind: str
    subject: str
    text: str
    recipient: str = ""
    """An address; the manager of the cycle where there is none."""


@dataclass(frozen=True, slots=True)
class Tested:
    """How far the tests of a report have come, and what they found."""

    records: int = 0
    tests: int = 0
    failed: int = 0
    last_key: str | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What the cycle found about one report."""

    report_id: int
    attributes: int
    samples: int
    tests: int
    failed_tests: int
    observations: int


@dataclass(frozen=True, slots=True)
class FailedReport:
    """A report that the cycle went on without."""

    report_id: int
    phase: TestCyclePhase
    reason: str


@dataclass(frozen=True, slots=True)
class TestCycleResult:
    cycle_id: int
    status: Literal["completed", "completed_in_part"]
    reports: tuple[ReportResult, ...]
    failed_reports: tuple[FailedReport, ...]
    skipped_phases: tuple[TestCyclePhase, ...]
    version: int
    """Of the workflow's code that the run was started with."""
    duration: float
    """Seconds from the start of the workflow, with the time that people took."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Lets the cycle go on behind a step."""

    step: str
    """The phase that waits."""
    by: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Ends a step as failed; what follows is as for any failure of its phase."""

    step: str
    """The phase that waits."""
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody said about a step."""

    step: str
    approved: bool
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TestCycleState:
    """Where a cycle stands, for the query `state`."""

    version: int
    phases: dict[str, str]
    waiting: list[str]
    decisions: list[Decision]
    refused: list[str]
    """Sentences about signals that could not be followed, the last twenty."""
    reports: list[int]
    failed_reports: list[FailedReport] = field(default_factory=list)
