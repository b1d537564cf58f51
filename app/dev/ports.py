"""Ports: free before anything starts, or a clear sentence."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from app.errors import ConfigurationError

UNCLAIMED = range(20_000, 32_000)
"""Where port 0 takes one from. The system gives ports above to outgoing connections, at any moment."""
TRIES = 100


@dataclass(frozen=True)
class Wish:
    """A port that somebody asked for, 0 for any free one, and the option that asks for another."""

    host: str
    port: int
    option: str


def claim(wishes: Sequence[Wish]) -> list[int]:
    """The port for each wish, all different and free at this moment.

    Raises ConfigurationError for one in use.
    """
    with ExitStack() as probes:
        return [_claim(wish, probes) for wish in wishes]


def _claim(wish: Wish, probes: ExitStack) -> int:
    candidates = [wish.port] if wish.port else random.sample(UNCLAIMED, TRIES)
    for port in candidates:
        try:
            _probe(wish.host, port, probes)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ConfigurationError(f"cannot listen on {wish.host}, port {port}: {error.strerror}.") from None
        else:
            return port
    if wish.port:
        raise ConfigurationError(f"port {wish.port} is in use on {wish.host}; choose another with {wish.option}.")
    raise ConfigurationError(f"no free port was found on {wish.host}; choose one with {wish.option}.")


def _probe(host: str, port: int, probes: ExitStack) -> None:
    """Listen on a port until `probes` closes. Raises OSError."""
    family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    probe = probes.enter_context(socket.socket(family, kind))
    # As servers do: a port that only waits for the last packets of closed connections counts as free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(address)
    probe.listen(1)
