"""The verbs: one method per root field. Each asks who may, does it, and records it; none knows GraphQL or SQL."""

from app.gateway.caller import Caller
from app.gateway.gateway import Gateway
from app.gateway.reading.reading import Reading
from app.gateway.watching.watching import Watching

__all__ = ["Caller", "Gateway", "Reading", "Watching"]
