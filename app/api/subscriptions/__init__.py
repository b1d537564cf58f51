"""The roots of watching, one noun a file. Every update carries a cursor; passing it as `after` goes on exactly behind
it."""

from __future__ import annotations

import strawberry

from app.api.subscriptions.runs import RunSubscription


@strawberry.type
class Subscription(
    RunSubscription,
):
    """Every root field of watching."""
