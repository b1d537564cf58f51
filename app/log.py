"""Structured logs: one event a line, JSON for machines or colours for people, with the request's id if there is one."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar

import orjson
import structlog
from structlog.types import EventDict, WrappedLogger

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being served, also in its response header and in its errors' extensions."""


def _with_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if (current := request_id.get()) is not None:
        event.setdefault("request_id", current)
    return event


def configure(log_format: str, level: str) -> None:
    """Send every logger's records to standard error. Lines of JSON, of which there is one a request, are written as
    they are; those of libraries go through one formatter, as all do that are for people."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_request_id,
    ]
    is_json = log_format != "console"
    last: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]
        if is_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    numbers = logging.getLevelNamesMapping()
    structlog.configure(
        processors=[*shared, *(last if is_json else [structlog.stdlib.ProcessorFormatter.wrap_for_formatter])],
        logger_factory=_Lines if is_json else structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:2], structlog.stdlib.ExtraAdder(), *shared[2:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("databases").setLevel(logging.WARNING)  # it tells of pools, which connect to nothing yet
    for library in ("httpx", "httpcore"):  # they tell of whole URLs, which may have secrets in them
        logging.getLogger(library).setLevel(logging.WARNING)


class _Lines:
    """A logger whose records are lines already."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = exception = log = msg


def _json(event: EventDict, **_: object) -> str:
    try:
        return orjson.dumps(event, default=repr).decode()
    except orjson.JSONEncodeError:  # large numbers, odd keys, halves of characters
        return json.dumps(event, default=repr)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
