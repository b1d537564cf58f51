"""From the text of a variable to its value. Each raises ValueError with what it expected."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

Number = TypeVar("Number", int, float)


def boolean(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("expected true or false")


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def amounts(text: str) -> tuple[tuple[str, int], ...]:
    pairs = [name.partition("=") for name in names(text)]
    return tuple((name.strip(), positive(int)(amount)) for name, _, amount in pairs)


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(name) for name in names(text))


def one_of(*choices: str) -> Callable[[str], str]:
    def cast(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return cast


def number(text: str, kind: Callable[[str], Number]) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"expected a {'whole ' if kind is int else ''}number") from None


def positive(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    def cast(text: str) -> Number:
        value = number(text, kind)
        if not value > 0:
            raise ValueError("expected a number above 0")
        return value

    return cast


def not_negative(text: str) -> float:
    value = number(text, float)
    if not value >= 0:
        raise ValueError("expected a number from 0")
    return value


def port(text: str) -> int:
    value = number(text, int)
    if not 0 <= value <= 65535:
        raise ValueError("expected a number from 0 to 65535")
    return value
