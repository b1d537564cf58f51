"""What a test cycle publishes about itself, in its memo and current details."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from app.workflows.test_cycle.phases import PHASES, TestCyclePhase


class Publisher:
    """Holds the status of each phase that has begun or was left out."""

    def __init__(self) -> None:
        self.phases: dict[str, str] = {}

    def phase(self, phase: TestCyclePhase, status: str, group: str | None = None) -> None:
        """`status` is started, completed, failed or skipped."""
        self.phases[phase] = status
        value = {"name": str(phase), "status": status} | ({"parallelGroup": group} if group else {})
        workflow.upsert_memo({"phase": value})

    def progress(self, reports: int) -> None:
        done = sum(status in {"completed", "skipped"} for status in self.phases.values())
        now = [name for name, status in self.phases.items() if status == "started"]
        step = " and ".join(now) if now else "done"
        message = f"{done} of {len(PHASES)} phases, {reports} reports"
        workflow.upsert_memo(
            {
                "progress": {
                    "step": step,
                    "percent": round(100.0 * done / len(PHASES), 1),
                    "message": message,
                    "completed": done,
                    "total": len(PHASES),
                }
            }
        )
        workflow.set_current_details(f"**{step}**: {message}")

    def waiting(self, steps: Sequence[str]) -> None:
        """For lists: `memoAt` finds the cycles that wait for somebody."""
        workflow.upsert_memo({"waiting": list(steps)})
        if steps:
            workflow.set_current_details(f"Waiting for a decision about **{', '.join(steps)}**")

    def version(self, version: int) -> None:
        workflow.upsert_memo({"version": version})

    def began(self, phase: TestCyclePhase) -> bool:
        """Whether it has done anything that could be undone."""
        return self.phases.get(phase, "skipped") != "skipped"
