from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.indexer.clock import ServerClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def at_least(clock: ServerClock, now: float) -> datetime:
    moment = clock.at_least(now)
    assert moment is not None
    return moment


def test_knows_nothing_before_the_first_event() -> None:
    assert ServerClock().at_least(5.0) is None


def test_goes_on_from_the_event_it_has_seen() -> None:
    clock = ServerClock()
    clock.saw(NOON, 100.0)
    assert at_least(clock, 100.0) == NOON
    assert NOON + timedelta(seconds=9.9) < at_least(clock, 110.0) <= NOON + timedelta(seconds=10)


def test_an_event_seen_late_does_not_set_it_back() -> None:
    clock = ServerClock()
    clock.saw(NOON, 100.0)
    clock.saw(NOON - timedelta(hours=1), 101.0)
    assert at_least(clock, 101.0) > NOON + timedelta(seconds=0.9)


def test_a_fresher_event_sets_it_forward() -> None:
    clock = ServerClock()
    clock.saw(NOON - timedelta(hours=1), 100.0)
    clock.saw(NOON, 101.0)
    assert at_least(clock, 101.0) == NOON
    assert at_least(clock, 100.0) <= NOON - timedelta(seconds=1)


def test_a_clock_that_drifts_never_gets_ahead_of_the_server() -> None:
    # The server's clock is slow by 400 parts in a million; an event a day is seen.
    clock, day = ServerClock(), 86400.0
    for number in range(10):
        ours = number * day
        server = NOON + timedelta(seconds=ours * (1 - 0.0004))
        clock.saw(server, ours)
        for later in (0.0, 3600.0, day - 1):
            real = NOON + timedelta(seconds=(ours + later) * (1 - 0.0004))
            assert at_least(clock, ours + later) <= real + MILLISECOND
