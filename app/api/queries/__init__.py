"""The roots of reading, one noun a file."""

from __future__ import annotations

import strawberry

from app.api.queries.definitions import DefinitionQuery
from app.api.queries.nodes import NodeQuery
from app.api.queries.viewer import ViewerQuery
from app.api.queries.workflows import WorkflowQuery


@strawberry.type
class Query(NodeQuery, WorkflowQuery, DefinitionQuery, ViewerQuery):
    """Every root field of reading."""
