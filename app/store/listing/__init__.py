"""Lists of runs: which runs, in which order, which window of them."""

from app.store.listing.conditions import conditions_of
from app.store.listing.count import Count, Counted
from app.store.listing.filter import Column, Filter, JsonValue, Match
from app.store.listing.order import Direction, Order, OrderField
from app.store.listing.window import Listing, Position, window_of

__all__ = [
    "Column",
    "Count",
    "Counted",
    "Direction",
    "Filter",
    "JsonValue",
    "Listing",
    "Match",
    "Order",
    "OrderField",
    "Position",
    "conditions_of",
    "window_of",
]
