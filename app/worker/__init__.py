"""Hosts the catalog's workflows: one Temporal worker for each of its task queues, all over one connection."""

from app.worker.connections import connections_of
from app.worker.queues import hosted_queues
from app.worker.service import activities_of, run

__all__ = ["activities_of", "connections_of", "hosted_queues", "run"]
