"""Sources of compiled selections that are not plain values: some cannot be read, some are read as items."""

from __future__ import annotations

from typing import Any

from app import model
from app.model import WorkflowStatus


class Raises:
    """An attribute that cannot be read."""

    def __get__(self, _instance: object, _owner: object = None) -> Any:
        raise LookupError("this attribute cannot be read")

    def __set__(self, _instance: object, _value: object) -> None:
        """What it is set to is lost."""


class BrokenExecution(model.Execution):
    workflow_type = Raises()
    __repr__ = object.__repr__


class BrokenActivity(model.Activity):
    summary = Raises()
    __repr__ = object.__repr__


class Seen(model.Glimpse):
    """All attributes of a run, as Postgres gives them."""

    __slots__ = ("run",)

    def __init__(self, run: model.Execution) -> None:
        self.run = run

    def __getitem__(self, name: str) -> Any:
        value = vars(self.run)[name]
        return str(value) if isinstance(value, WorkflowStatus) else value
