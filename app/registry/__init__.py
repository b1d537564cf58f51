"""Which workflow types are known by name, and what each of them takes."""

from app.registry.catalog import CATALOG, DEFINITIONS, Registry
from app.registry.definition import Argument, Handler, WorkflowDefinition
from app.registry.problems import Problem

__all__ = [
    "CATALOG",
    "DEFINITIONS",
    "Argument",
    "Handler",
    "Problem",
    "Registry",
    "WorkflowDefinition",
]
