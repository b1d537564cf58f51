"""The roots of watching, one noun a file. Every update carries a cursor; passing it as `after` goes on exactly behind
it."""

from __future__ import annotations

import strawberry

from app.api.subscriptions.alerts import AlertSubscription
from app.api.subscriptions.batches import BatchSubscription
from app.api.subscriptions.lists import ListSubscription
from app.api.subscriptions.runs import RunSubscription


@strawberry.type
class Subscription(
    RunSubscription,
    ListSubscription,
    AlertSubscription,
    BatchSubscription,
):
    """Every root field of watching."""
