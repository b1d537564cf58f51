"""Cron strings: what is surely wrong is told, and nothing that Temporal's server takes is refused."""

from __future__ import annotations

import pytest

from app.gateway.schedules.cron import wrong_cron


@pytest.mark.parametrize(
    "text",
    [
        "30 9 * * MON-FRI # office", "0 9 1 1 * 2027", "0 0 9 1 1 * 2027", "* * * * 7", "* * * * 5-7",
        "* * * * sun-sat", "*/99 * * * *", "5/10 * * * *", "0-0/5 * * * *", "+5 007 * * *", "0 0 * FEBRUA mo,TH",
        "0 9 * * *#x", "@daily", "  @hourly ", "@daily # hi", "@every 5s", "@every 1d", "@every 1h30m/30m",
        "@every .5h", "@every 5s # x", "CRON_TZ=Europe/Berlin 0 * * * *", "TZ=UTC  @daily", "TZ= 0 * * * *",
        "TZ=Nowhere @every 5s",
    ],
)  # fmt: skip
def test_what_the_server_takes_is_not_refused(text: str) -> None:
    assert wrong_cron(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("99 * * * *", "minute must be 0 to 59; it is '99'"),
        ("60 24 * * *", "minute must be 0 to 59; it is '60'; hour must be 0 to 23; it is '24'"),
        ("61 * * * * * *", "second must be 0 to 59; it is '61'"),
        ("0 0 0 * *", "dayOfMonth must be 1 to 31; it is '0'"),
        ("0 0 1 13 *", "month must be 1 to 12, or JAN to DEC; it is '13'"),
        ("0 0 * * 8", "dayOfWeek must be 0 to 7, or SUN to SAT; it is '8'"),
        ("0 0 1 1 * 1999", "year must be 2000 to 2100; it is '1999'"),
        ("1,,2 * * * *", "minute must be 0 to 59; it is ''"),
        ("0 0 L * *", "dayOfMonth must be 1 to 31; it is 'L'"),
        ("-5 * * * *", "minute must be 0 to 59; it is '-5'"),
        ("* * * * fri-mon", "dayOfWeek ends before it starts: 'fri-mon'"),
        ("*/0 * * * *", "minute must have a step of 1 or more; it is '0'"),
        ("*/1/2 * * * *", "minute must have a step of 1 or more; it is '1/2'"),
        (f"{'9' * 5000} * * * *", f"minute must be 0 to 59; it is '{'9' * 5000}'"),
        ("* * * *", "it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily"),
        ("@reboot", "it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily"),
        ("", "it needs 5 to 7 fields, as in 30 9 * * MON-FRI, or one like @daily"),
        ("TZ=Nowhere 0 0 * * *", "there is no time zone 'Nowhere'"),
        ("@every", "@every needs a time, as in @every 1h30m or @every 14h/3h"),
        ("@every 5", "@every needs a time, as in @every 1h30m or @every 14h/3h"),
        ("@every 9999999h", "@every needs a time, as in @every 1h30m or @every 14h/3h"),
        ("@every 0.5s", "@every needs a second or more; it is '0.5s'"),
        ("@every 1h/2h", "the offset must be 0 or more and below the interval; it is '2h'"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    assert wrong_cron(text) == f"{text!r} is no cron string: {said}."
