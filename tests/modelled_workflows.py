"""A workflow that takes and gives pydantic models, in a file of its own for Temporal's sandbox."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel
from temporalio import workflow


class Line(BaseModel):
    amount: int


@dataclass
class Sum:
    lines: list[Line]


@workflow.defn(failure_exception_types=[TypeError])
class Summing:
    @workflow.run
    async def run(self, lines: Sum) -> Line:
        return Line(amount=sum(each.amount for each in lines.lines))
